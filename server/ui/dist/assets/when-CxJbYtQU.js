var e,t,n,r,i,a,o,s,c,l,u,d=Symbol.for(`pv`),f={},p=[],m=/^m(i|n|o|s|text|space)$/,h=Array.isArray,g=p.slice,_=Object.assign;function v(e){e&&e.parentNode&&e.remove()}function y(n,r,i,a,o){var s={type:n,props:r,key:i,ref:a,__k:null,__:null,__b:0,__e:null,__c:null,constructor:d,__v:o||++t,__i:-1,__u:0};return!o&&e.vnode&&e.vnode(s),s}function b(e){return e.children}function x(e,t){this.props=e,this.context=t,this.__g=0}function S(e,t){if(t==null)return e.__&&S(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!=`function`||e.props.__P?null:S(e)}function C(t){var n,r=t.__v,i=r.__e,a=[],o=[],s=t.__P;s&&((n=_({constructor:d},r)).__v=r.__v+1,e.vnode&&e.vnode(n),N(s,n,r,t.__n,s.namespaceURI,32&r.__u?[i]:null,a,i||S(r),32&r.__u,o),n.__v=r.__v,n.__.__k[n.__i]=n,F(a,n,o),r.__=r.__e=null,n.__e!=i&&w(n))}function w(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),w(e)}function T(t){(8&t.__g||(t.__g|=8,n.push(t),i++))&&r==e.debounceRendering||((r=e.debounceRendering)||queueMicrotask)(E)}function E(){try{for(var e,t=1;n.length;)n.length>t&&n.sort(a),e=n.shift(),t=n.length,8&e.__g&&C(e)}finally{(i=n.length)&&(r||queueMicrotask)(E)}}function ee(e,t,n,r,i,a,o,s,c,l,u){var d,m,h,g,_,v,y=r.__k||p,b=t.length;for(c=D(n,t,y,c,b),d=0;d<b;d++)(h=n.__k[d])!=null&&(m=~h.__i&&y[h.__i]||f,h.__i=d,v=N(e,h,m,i,a,o,s,c,l,u),g=h.__e,(m.ref!=h.ref||8&m.__u)&&(m.ref&&I(m.ref,null,h,m),h.ref&&u.push(h.ref,h.__c||g,h)),_||=g,4&h.__u?(c=O(h,c,e,!m.__v),m.__e&&(m.__e=null)):typeof h.type==`function`&&v!==void 0?c=v:g&&(c=g.nextSibling),h.__u&=-21);return n.__e=_,c}function D(e,t,n,r,i){var a,o,s,c,l,u,f,p,m,g=n.length,_=g,v=0,x=0,C=e.__k=Array(i);for(a=0;a<i;a++)(o=t[a])!=null&&typeof o!=`boolean`&&typeof o!=`function`?(typeof o!=`object`||o.constructor===String?o=C[a]=y(null,o):h(o)?o=C[a]=y(b,{children:o}):o.constructor===d&&o.__b?o=C[a]=y(o.type,o.props,o.key,o.ref,o.__v):C[a]=o,c=a+v,o.__=e,o.__b=e.__b+1,s=null,~(l=o.__i=k(o,n,c,_))&&(_--,(s=n[l])&&(s.__u|=2)),s&&s.__v?(o.__u|=16,l==c-1?v--:l==c+1?v++:l!=c&&(l>c?v--:v++,x=1)):(~l||(i>g?v--:i<g&&v++),typeof o.type!=`function`&&(o.__u|=4))):C[a]=null;if(x){for(u=[],f=[],a=0;a<i;a++)if((o=C[a])&&16&o.__u){for(v=0,p=u.length;v<p;)u[m=v+p>>1]<o.__i?v=m+1:p=m;u[v]=o.__i,f[a]=v+1}for(v=u.length;a--;)f[a]&&(f[a]==v?v--:C[a].__u|=4)}if(_)for(a=0;a<g;a++)!(s=n[a])||2&s.__u||(s.__e==r&&(r=S(s)),L(s,s));return r}function O(e,t,n,r){var i,a,o,s;if(typeof e.type==`function`){if(e.props.__P)return t;if(i=e.__k)for(a=0;a<i.length;a++)i[a]&&(i[a].__=e,t=O(i[a],t,n,!1));return t}for(t&&!t.parentNode&&(t=S(e))&&!t.parentNode&&(t=null),o=e.__e,s=t;s&&s.nodeType==8;)s=s.nextSibling;for(o!=s&&(!r&&n.moveBefore&&o.parentNode?n.moveBefore(o,t):n.insertBefore(o,t||null)),t=o;(t&&=t.nextSibling)&&t.nodeType==8&&!t.data.startsWith(`$s`););return t}function k(e,t,n,r){var i,a=e.key,o=e.type,s=t[n],c=s&&!(2&s.__u);if(s===null&&a==null||c&&a==s.key&&o==s.type)return n;if(r>+!!c){for(i=n-1;i>=0;i--)if((s=t[i])&&!(2&s.__u)&&a==s.key&&o==s.type)return i;for(i=n+1;i<t.length;i++)if((s=t[i])&&!(2&s.__u)&&a==s.key&&o==s.type)return i}return-1}function A(e,t,n){n??=``,t[0]==`-`?e.setProperty(t,n):e[t]=n}function j(e,t,n,r,i){var a,o;if(t==`style`){if(typeof n==`string`)e.style.cssText=n;else{if(typeof r==`string`&&(e.style.cssText=r=``),r)for(t in r)n&&t in n||A(e.style,t);if(n)for(t in n)r&&n[t]==r[t]||A(e.style,t,n[t])}}else if(t[0]==`o`&&t[1]==`n`)typeof n!=`function`&&(n=null),typeof r!=`function`&&(r=null),(e.__e||={})[t]=n,n&&r||(o=l[t]||(l[t]=M(t)),(e.__a||={})[t]=c,a=t!=(t=t.replace(s,`$1`)),(t=t.slice(2))[0]<`a`&&(t=t.toLowerCase()),n?e.addEventListener(t,o,a):e.removeEventListener(t,o,a));else{if(i==`http://www.w3.org/2000/svg`)t=t.replace(/xlink(H|:h)/,`h`).replace(/sName$/,`s`);else if(t!=`width`&&t!=`height`&&t!=`href`&&t!=`list`&&t!=`form`&&t!=`tabIndex`&&t!=`download`&&t!=`rowSpan`&&t!=`colSpan`&&t!=`role`&&t!=`popover`&&t in e)try{e[t]=n??``;return}catch{}if(typeof n==`function`)return;n==null||!1===n&&t[4]!=`-`?e.removeAttribute(t):e.setAttribute(t,t==`popover`&&n==1?``:n)}}function M(t){return function(n){var r=this.__e;if(r){if(r=r[t],n[o]==null)n[o]=c++;else if(n[o]<this.__a[t])return;return r(e.event?e.event(n):n)}}}function N(t,n,r,i,a,o,s,c,l,u){var f,m,g,y,C,w,T,E,D,O,k,A,j,M,N,F,I,R,z=n.type;if(n.constructor!==d)return null;128&r.__u&&(l=32&r.__u,f=r.__c.__z)&&(n.__u|=l,m=o=[],f.nodeType==8?c=P(f,o):o.push(f),c=o[0]||c),(f=e.__b)&&f(n);n:if(typeof z==`function`){g=s.length;try{if(E=n.props,D=(f=z.prototype)&&f.render,O=(f=z.contextType)&&i[f.__c],k=f?O?O.props.value:f.__:i,(y=r.__c)?(n.__c=y,2&y.__g&&(y.__g|=1)):(D?n.__c=y=new z(E,k):(n.__c=y=new x(E,k),y.constructor=z,y.render=re),O&&O.sub(y),y.state||(y.state={}),y.__n=i,y.__g|=8,y.__h=[],y.__k=[]),D&&(y.__s||(y.__s=y.state),z.getDerivedStateFromProps&&(y.__s==y.state&&(y.__s=_({},y.__s)),_(y.__s,z.getDerivedStateFromProps(E,y.__s)))),C=y.props,w=y.state,y.__v=n,r.__c){if(E!==C&&D&&!z.getDerivedStateFromProps&&y.componentWillReceiveProps&&y.componentWillReceiveProps(E,k),n.__v==r.__v&&!(8&y.__g)||!(4&y.__g)&&y.shouldComponentUpdate&&!1===y.shouldComponentUpdate(E,y.__s,k)){n.__v!=r.__v&&(y.props=E,y.state=y.__s,y.__g&=-9),n.__e=r.__e,n.__k=r.__k,n.__k.some(function(e){e&&(e.__=n)}),p.push.apply(y.__h,y.__k),y.__k=[],y.__h.length&&s.push(y),c=S(r);break n}y.componentWillUpdate&&y.componentWillUpdate(E,y.__s,k),D&&y.componentDidUpdate&&y.__h.push(function(){y.componentDidUpdate(C,w,T)})}else D&&!z.getDerivedStateFromProps&&y.componentWillMount&&y.componentWillMount(),D&&y.componentDidMount&&y.__h.push(y.componentDidMount);y.context=k,y.props=E,y.__P=t,y.__g&=-5,A=e.__r,j=D?25:0;do y.__g&=-9,A&&A(n),f=y.render(y.props,y.state=y.__s,y.context);while(8&y.__g&&++j<25);D&&(p.push.apply(y.__h,y.__k),y.__k=[]),y.state=y.__s,y.getChildContext&&(i=_({},i,y.getChildContext())),D&&r.__c&&y.getSnapshotBeforeUpdate&&(T=y.getSnapshotBeforeUpdate(C,w)),M=f&&f.type===b&&f.key==null?f.props.children:f,E.__P&&(f=c,a=(t=E.__P).namespaceURI,l=o=null,r.props&&r.props.__P!=t&&(r.__k.some(function(e){e&&L(e,e)}),r.__k=null),c=r.__k?S(r,0):null),c=ee(t,h(M)?M:[M],n,r,i,a,o,s,c,l,u),E.__P&&(n.__e=null,c=f),n.__u&=-161,m&&m.some(v),y.__h.length&&s.push(y),1&y.__g&&(y.__g&=-4)}catch(t){if(s.length=g,n.__v=null,l||o){if(t&&t.then){if(n.__u|=128|l,o){for(~(I=o.indexOf(c||void 0))||(I=o.length);(R=o[I-1])&&R.nodeType==8;)I--;for(;I<o.length;I++)if(R=o[I]){if(o[I]=null,N){if(R==F)break}else{if(R.nodeType!=8)break;R.data.startsWith(`$s`)&&(F=P(N=R))}}}if(!N){for(;c&&c.nodeType==8&&c.nextSibling;)c=c.nextSibling;N=c}(f=P(N=n.__c.__z||(n.__c.__z=N)))?(n.__e=N,c=f):n.__e=c,c&&=c.nextSibling}else o&&o.some(v)}else n.__e=r.__e;n.__k||=r.__k||[],t&&t.then||te(n),e.__e(t,n,r)}}else c=n.__e=ne(r.__e,n,r,i,a,o,s,l,u,t);return(f=e.diffed)&&f(n),c}function P(e,t){if(e&&e.nodeType==8&&e.data.startsWith(`$s`))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith(`$s`))n++;else if(e.data.startsWith(`/$s`)&&!--n)return e}t&&t.push(e)}}function te(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some(te))}function F(t,n,r){for(var i=0;i<r.length;)I(r[i++],r[i++],r[i++]);e.__c&&e.__c(n,t),t.some(function(n){try{t=n.__h,n.__h=[],t.some(function(e){e.call(n)})}catch(t){e.__e(t,n.__v)}})}function ne(t,n,r,i,a,o,s,c,l,u){var d,p,_,y,b,x,C,w,T=r.props||f,E=n.props,D=n.type;if(D==`svg`?a=`http://www.w3.org/2000/svg`:D==`math`?a=`http://www.w3.org/1998/Math/MathML`:a||=`http://www.w3.org/1999/xhtml`,o){for(d=0;d<o.length;d++)if((b=o[d])&&(D?b.localName==D:b.nodeType==3)){t=b,o[d]=null;break}}if(!t){if(w=u.ownerDocument||document,!D)return w.createTextNode(E);t=w.createElementNS(a,D,E.is?E:u),c&&=(e.__m&&e.__m(n,o),!1),o=null}if(D){if(u=D==`template`&&t.content||t,o=D==`textarea`&&E.defaultValue!=null?null:o&&g.call(u.childNodes),!c&&o)for(T={},d=0;d<t.attributes.length;d++)T[(b=t.attributes[d]).name]=b.value;for(d in T)b=T[d],d==`dangerouslySetInnerHTML`?_=b:d==`children`||d in E||d==`value`&&`defaultValue`in E||d==`checked`&&`defaultChecked`in E||j(t,d,null,b,a);for(d in E)b=E[d],d==`children`?y=b:d==`dangerouslySetInnerHTML`?p=b:d==`value`?x=b:d==`checked`?C=b:c&&typeof b!=`function`||T[d]===b||j(t,d,b,T[d],a);p?(c||_&&(p.__html==_.__html||p.__html==t.innerHTML)||(t.innerHTML=p.__html),n.__k=[]):(_&&(t.textContent=``),(D==`foreignObject`||a==`http://www.w3.org/1998/Math/MathML`&&m.test(D))&&(a=`http://www.w3.org/1999/xhtml`),ee(u,h(y)?y:[y],n,r,i,a,o,s,o?o[0]:r.__k&&S(r,0),c,l),o&&o.some(v)),c&&D!=`textarea`||(d=`value`,D==`progress`&&x==null?t.removeAttribute(d):x==null||x===t[d]&&(D!=`progress`||x)||j(t,d,x,T[d],a),d=`checked`,C!=null&&C!=t[d]&&j(t,d,C,T[d],a))}else T===E||c&&t.data==E||(t.data=E);return t}function I(t,n,r,i){try{typeof t==`function`?n?n.__x=t(n)||1:(i&&=i.__c||i.__e)&&(n=i.__x)&&(i.__x=null,typeof n==`function`?n():t(null)):t.current=n}catch(t){e.__e(t,r)}}function L(t,n,r){var i,a,o,s;if(e.unmount&&e.unmount(t),!(i=t.ref)||i.current&&i.current!=t.__e||I(i,null,n,t),i=t.__c){if(i.componentWillUnmount)try{i.componentWillUnmount()}catch(t){e.__e(t,n)}i.__P=i.__n=null}if(i=t.__k)for(s=0;s<i.length;s++)i[s]&&L(i[s],n,typeof t.type!=`function`||r&&!t.props.__P);!r&&(i=t.__c)&&(i=i.__z)&&(a=P(i,o=[]))&&(i==t.__e&&o.some(v),v(a),v(i)),r||v(t.__e),t.__e=t.__c=t.__=null}function re(e,t,n){return this.constructor(e,n)}function R(t,n){var r,i,a,o;e.__&&e.__(t,n),n.nodeType==9&&(n=n.documentElement),i=(r=t&&32&t.__u)?null:n.__k,n.__k=y(b,{children:[t]}),a=[],o=[],N(n,n.__k,i||f,f,n.namespaceURI,i?null:n.firstChild?g.call(n.childNodes):null,a,i?i.__e:n.firstChild,r,o),F(a,n.__k,o),n.__k.props.children=null}function z(e){function t(e){var n,r;return this.getChildContext||(n=new Set,(r={})[t.__c]=this,this.getChildContext=function(){return r},this.shouldComponentUpdate=function(e){this.props.value!=e.value&&n.forEach(function(e){e.__g|=4,T(e)})},this.sub=function(e){n.add(e);var t=e.componentWillUnmount;e.componentWillUnmount=function(){n.delete(e),t&&t.call(e)}}),e.children}return t.__c=`__cC`+u++,t.__=e,t.Provider=(t.Consumer=function(e,t){return e.children(t)}).contextType=t,t}e={__e:function(e,t,n,r){for(var a,o,s;t=t.__;)if((a=t.__c)&&!(1&a.__g)){a.__g|=4;try{if((s=(o=a.constructor)&&o.getDerivedStateFromError)&&a.setState(o.getDerivedStateFromError(e)),a.componentDidCatch&&(a.componentDidCatch(e,r||{}),s=1),s&&8&a.__g)return void(a.__g|=2)}catch(t){e=t}}throw i=0,e}},t=0,x.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=_({},this.state)),typeof e==`function`&&(e=e(_({},n),this.props)),e&&(_(n,e),this.__v&&(t&&this.__k.push(t),T(this)))},x.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),T(this))},x.prototype.render=b,n=[],i=0,a=function(e,t){return e.__v.__b-t.__v.__b},o=Symbol(),s=/(PointerCapture)$|Capture$/i,c=0,l={},u=0;var B=class extends Error{code;field;requestId;constructor(e,t={}){super(e),this.code=t.code??`INTERNAL`,this.field=t.field??``,this.requestId=t.requestId??``}},V=class extends Error{};function ie(e,t){return async(n,r,i)=>{let a=await ae(e,await t(),{query:n.toString(),variables:r},i),[o]=a.errors??[];if(o)throw new B(o.message,o.extensions);return a.data}}async function ae(e,t,n,r){let i={"Content-Type":`application/json`,Accept:`application/graphql-response+json`};t&&(i.Authorization=t);try{return await(await fetch(e,{method:`POST`,headers:i,body:JSON.stringify(n),cache:`no-store`,signal:r??null})).json()}catch(e){throw r?.aborted?e:new V}}var H,U,W,oe,G=Object.is,K=0,se=[],ce=[],q=e,le=q.__b,ue=q.__r,de=q.diffed,fe=q.__c,pe=q.unmount,me=q.__;function J(e,t){q.__h&&q.__h(U,e,K||t),K=0;var n=U.__H||(U.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function he(e){return K=1,ge(Ae,e)}function ge(e,t,n){var r=J(H++,2);if(r.t=e,!r.__c&&(r.__=[n?n(t):Ae(void 0,t),function(e){var t=(r.__N||r.__)[0],n=r.t(t,e);G(t,n)||(r.__N=[n,r.__[1]],r.__c.setState({}))}],r.__c=U,!U.__f)){U.__f=!0;var i=U.shouldComponentUpdate;U.shouldComponentUpdate=function(e,t,n){var r=this.__H;if(!r)return!0;var a=!1,o=this.props!=e;if(r.__.some(function(e){e.__N&&(a=!0,G(e.__[0],e.__N[0])||(o=!0))}),i){var s=i.call(this,e,t,n);return a?s||o:s}return!a||o}}return r.__}function _e(e,t){var n=J(H++,3);!q.__s&&ke(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,U.__H.__h.push(n))}function ve(e,t){var n=J(H++,4);!q.__s&&ke(n.__H,t)&&(n.__P=!1,n.__=e,n.u=t,U.__h.push(n))}function ye(e){return K=5,be(function(){return{current:e}},[])}function be(e,t){var n=J(H++,7);return ke(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function xe(e,t){return K=8,be(function(){return e},t)}function Se(e){var t=U.context[e.__c],n=J(H++,9);return n.c=e,t?(n.__??(n.__=!0,t.sub(U)),t.props.value):e.__}function Ce(){var e=J(H++,11);if(!e.__){for(var t=U.__v;!t.__m&&t.__;)t=t.__;var n=t.__m||(t.__m=[0,0]);e.__=`P`+n[0]+`-`+n[1]++}return e.__}function we(){var e;do{for(;e=ce.shift();)try{Y(e)}catch(t){q.__e(t,{__:(e=e.__P)&&e.__v})}for(;e=se.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(Y),t.__h.some(Oe),t.__h=[]}catch(n){t.__h=[],q.__e(n,e.__v)}}}while(ce.length)}q.__b=function(e){U=null,le&&le(e)},q.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),me&&me(e,t)},q.__r=function(e){ue&&ue(e),H=0;var t=(U=e.__c).__H;t&&(W==U?U.__h=[]:(t.__h.some(Y),t.__h.some(Oe),H=0),t.__h=[],t.__.some(function(e){e.__N&&(e.__=e.__N),e.u=e.__N=void 0})),W=U},q.diffed=function(e){de&&de(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&De(se.push(t)),t.__H.__.some(function(e){e.u&&(e.__H=e.u)})),W=U=null},q.__c=function(e,t){t.some(function(e){try{e.__h.some(Y),e.__h=e.__h.filter(function(e){return!e.__||Oe(e)})}catch(t){e.__h=[function(){throw t}]}}),fe&&fe(e,t)},q.unmount=function(e){pe&&pe(e);var t,n,r=e.__c;r&&r.__H&&(r.__H.__.some(function(r){try{if(r.__P&&r.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n&&=n.__c}r.__P=n,De(ce.push(r))}else Y(r)}catch(e){t=e}}),r.__H=void 0,t&&q.__e(t,r.__v))};var Te=typeof requestAnimationFrame==`function`;function Ee(e){var t,n=function(){clearTimeout(r),Te&&cancelAnimationFrame(t),setTimeout(e)},r=setTimeout(n,35);Te&&(t=requestAnimationFrame(n))}function De(e){e!=1&&oe==q.requestAnimationFrame||((oe=q.requestAnimationFrame)||Ee)(we)}function Y(e){var t=U,n=e.__c;typeof n==`function`&&(e.__c=void 0,n()),U=t}function Oe(e){var t=U;e.__c=e.__(),U=t}function ke(e,t){return!e||e.length!=t.length||t.some(function(t,n){return!G(t,e[n])})}function Ae(e,t){return typeof t==`function`?t(e):t}var X=class extends String{__apiType;value;__meta__;constructor(e,t){super(e),this.value=e,this.__meta__=t}toString(){return this.value}};new X(`
    fragment AuditRow on AuditEntry {
  id
  at
  actor {
    kind
    id
    name
  }
  action
  outcome
  targetType
  targetId
  targetLabel
  ip
  userAgent
  requestId
  changes
}
    `,{fragmentName:`AuditRow`}),new X(`
    fragment TokenRow on ApiToken {
  id
  label
  hint
  mode
  state
  abilities
  mintedBy {
    kind
    name
  }
  createdAt
  expiresAt
  lastUsedAt
  lastUsedIp
  lastUsedUserAgent
  usage(since: $since) {
    start
    requests
  }
  abilityUsage {
    ability
    lastUsedAt
  }
  advice {
    code
  }
  rotatedFrom {
    id
    hint
    state
    lastUsedAt
  }
  rotatedTo {
    id
    hint
    lastUsedAt
  }
  revokedAt
}
    `,{fragmentName:`TokenRow`});var je=new X(`
    query AuditEntries($first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: AuditEntryFilter!) {
  auditEntries(
    first: $first
    after: $after
    last: $last
    before: $before
    filter: $filter
  ) {
    nodes {
      ...AuditRow
    }
    pageInfo {
      hasNextPage
      hasPreviousPage
      startCursor
      endCursor
    }
  }
}
    fragment AuditRow on AuditEntry {
  id
  at
  actor {
    kind
    id
    name
  }
  action
  outcome
  targetType
  targetId
  targetLabel
  ip
  userAgent
  requestId
  changes
}`),Me=new X(`
    subscription Recorded {
  auditEntryAdded {
    action
    targetId
    actor {
      kind
      id
      name
    }
  }
}
    `),Ne=new X(`
    query Session {
  viewer {
    actor {
      kind
      id
      name
    }
    workspace {
      id
      name
      plan
      tokenCount
      tokenLimit
    }
    abilities
  }
}
    `),Pe=new X(`
    query Tokens($after: Cursor, $filter: ApiTokenFilter!, $order: ApiTokenOrder!, $since: Time!) {
  apiTokens(first: 20, after: $after, filter: $filter, orderBy: $order) {
    nodes {
      ...TokenRow
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    totalCount
  }
}
    fragment TokenRow on ApiToken {
  id
  label
  hint
  mode
  state
  abilities
  mintedBy {
    kind
    name
  }
  createdAt
  expiresAt
  lastUsedAt
  lastUsedIp
  lastUsedUserAgent
  usage(since: $since) {
    start
    requests
  }
  abilityUsage {
    ability
    lastUsedAt
  }
  advice {
    code
  }
  rotatedFrom {
    id
    hint
    state
    lastUsedAt
  }
  rotatedTo {
    id
    hint
    lastUsedAt
  }
  revokedAt
}`),Fe=new X(`
    query Glance($day: Time!, $week: Time!, $month: Time!, $soon: Time!) {
  all: apiTokens {
    totalCount
  }
  usedToday: apiTokens(filter: {lastUsedSince: $day}) {
    totalCount
  }
  usedThisWeek: apiTokens(filter: {lastUsedSince: $week}) {
    totalCount
  }
  usedThisMonth: apiTokens(filter: {lastUsedSince: $month}) {
    totalCount
  }
  neverUsed: apiTokens(filter: {neverUsed: true}) {
    totalCount
  }
  idle: apiTokens(filter: {idleSince: $month}) {
    totalCount
  }
  expiring: apiTokens(filter: {expiresBefore: $soon}) {
    totalCount
  }
  unending: apiTokens(filter: {neverExpires: true}) {
    totalCount
  }
  fullAccess: apiTokens(filter: {abilities: [FULL_ACCESS]}) {
    totalCount
  }
  viewer {
    workspace {
      tokenCount
      tokenLimit
    }
  }
}
    `),Ie=new X(`
    query Token($id: ID!, $since: Time!) {
  apiToken(id: $id) {
    ...TokenRow
    revokedBy {
      kind
      name
    }
    revokeReason
  }
  auditEntries(first: 5, filter: {targetId: $id}) {
    nodes {
      ...AuditRow
    }
  }
}
    fragment AuditRow on AuditEntry {
  id
  at
  actor {
    kind
    id
    name
  }
  action
  outcome
  targetType
  targetId
  targetLabel
  ip
  userAgent
  requestId
  changes
}
fragment TokenRow on ApiToken {
  id
  label
  hint
  mode
  state
  abilities
  mintedBy {
    kind
    name
  }
  createdAt
  expiresAt
  lastUsedAt
  lastUsedIp
  lastUsedUserAgent
  usage(since: $since) {
    start
    requests
  }
  abilityUsage {
    ability
    lastUsedAt
  }
  advice {
    code
  }
  rotatedFrom {
    id
    hint
    state
    lastUsedAt
  }
  rotatedTo {
    id
    hint
    lastUsedAt
  }
  revokedAt
}`),Le=new X(`
    mutation Mint($input: MintTokenInput!) {
  mintToken(input: $input) {
    secret
    token {
      id
      label
      hint
      mode
    }
  }
}
    `),Re=new X(`
    mutation Rotate($input: RotateTokenInput!) {
  rotateToken(input: $input) {
    secret
    token {
      id
      label
      hint
      mode
    }
  }
}
    `),ze=new X(`
    mutation Update($input: UpdateTokenInput!) {
  updateToken(input: $input) {
    token {
      id
      label
    }
  }
}
    `),Be=new X(`
    mutation Revoke($input: RevokeTokenInput!) {
  revokeToken(input: $input) {
    token {
      id
    }
    receipt {
      requestsCancelled
    }
  }
}
    `),Ve=new X(`
    subscription Used($since: Time!) {
  apiTokenUsed {
    ...TokenRow
  }
}
    fragment TokenRow on ApiToken {
  id
  label
  hint
  mode
  state
  abilities
  mintedBy {
    kind
    name
  }
  createdAt
  expiresAt
  lastUsedAt
  lastUsedIp
  lastUsedUserAgent
  usage(since: $since) {
    start
    requests
  }
  abilityUsage {
    ability
    lastUsedAt
  }
  advice {
    code
  }
  rotatedFrom {
    id
    hint
    state
    lastUsedAt
  }
  rotatedTo {
    id
    hint
    lastUsedAt
  }
  revokedAt
}`),He=Symbol.for(`pv`),Ue=0;Array.isArray;function Z(t,n,r,i,a,o){n||={};var s,c,l=n;if(`ref`in l&&typeof t!=`function`)for(c in l={},n)c==`ref`?s=n[c]:l[c]=n[c];var u={type:t,props:l,key:r,ref:s,__k:null,__:null,__b:0,__e:null,__c:null,constructor:He,__v:--Ue,__i:-1,__u:0};return(a||o)&&(u.__source=a,u.__self=o),e.vnode&&e.vnode(u),u}var Q=({children:e})=>Z(`svg`,{class:`icon`,viewBox:`0 0 16 16`,"aria-hidden":`true`,children:e}),We=()=>Z(Q,{children:Z(`path`,{d:`M8 3v10M3 8h10`})}),Ge=()=>Z(Q,{children:Z(`path`,{d:`m4 4 8 8M12 4l-8 8`})}),Ke=()=>Z(Q,{children:Z(`path`,{d:`m3 8.5 3.5 3.5L13 4.5`})}),qe=()=>Z(Q,{children:[Z(`circle`,{cx:`7`,cy:`7`,r:`4`}),Z(`path`,{d:`m10 10 3.5 3.5`})]}),Je=()=>Z(Q,{children:[Z(`rect`,{x:`5.5`,y:`5.5`,width:`8`,height:`8`,rx:`1.5`}),Z(`path`,{d:`M3 10.5A.5.5 0 0 1 2.5 10V4A1.5 1.5 0 0 1 4 2.500h6a.5.5 0 0 1 .5.5`})]}),Ye=()=>Z(Q,{children:Z(`path`,{d:`M13 8H3m4-4L3 8l4 4`})}),Xe=()=>Z(Q,{children:Z(`path`,{d:`M8 2 1.500 13.500h13zM8 6.500v3M8 11.500v.1`})}),Ze=()=>Z(Q,{children:[Z(`circle`,{cx:`8`,cy:`8`,r:`6`}),Z(`path`,{d:`M8 7.500v3.500M8 5v.1`})]}),Qe=()=>Z(Q,{children:Z(`path`,{d:`M8 2.500v8m-3.500-3L8 11l3.500-3.500M3 13.500h10`})}),$e=()=>Z(Q,{children:Z(`path`,{d:`M2.500 8a5.500 5.500 0 1 0 1.700-4L2.500 5.500m0-3v3h3M8 5v3l2 1.500`})}),et=()=>Z(`svg`,{class:`logo`,viewBox:`0 0 32 32`,"aria-hidden":`true`,children:[Z(`rect`,{width:`32`,height:`32`,rx:`8`}),Z(`path`,{d:`M11 8v16M21 9l-9 8 9 7`})]}),tt=z(null),nt=z(null),$=()=>Se(tt),rt=()=>Se(nt);function it(e,t,n=0){if(t instanceof V)return e.failures.unreachable;if(!(t instanceof B))throw t;switch(t.code){case`LIMIT_REACHED`:return e.failures.limit(n);case`AUDIT_UNAVAILABLE`:return e.failures.audit;case`RATE_LIMITED`:return e.failures.rate;case`NOT_FOUND`:return e.failures.notFound;case`CONFLICT`:return e.failures.conflict;case`FORBIDDEN`:return e.failures.forbidden;case`UNAVAILABLE`:return e.failures.unreachable;case`BAD_USER_INPUT`:case`QUERY_TOO_COMPLEX`:return t.message;default:return e.failures.internal(t.requestId)}}function at(e,t){let{ask:n}=$(),[r,i]=he({data:void 0,error:void 0,loading:!0}),a=ye(void 0),o=JSON.stringify(t),s=xe(()=>{a.current?.abort();let t=a.current=new AbortController;i(e=>({...e,loading:!0})),n(e,JSON.parse(o),t.signal).then(e=>t.signal.aborted||i({data:e,error:void 0,loading:!1}),e=>t.signal.aborted||i(t=>({data:t.data,error:e,loading:!1})))},[n,e,o]);_e(()=>(s(),()=>a.current?.abort()),[s]);let c=xe(e=>i(t=>t.data?{...t,data:e(t.data)}:t),[]);return{...r,reload:s,patch:c}}function ot(){let[e,t]=he(()=>new Date);return _e(()=>{let e=setInterval(()=>t(new Date),2e4);return()=>clearInterval(e)},[]),e}function st(e,t){let n=!1;return()=>{n||(n=!0,setTimeout(()=>{n=!1,e()},t))}}function ct({to:e,current:t,label:n,children:r,...i}){let{place:a}=$();return Z(`a`,{...i,href:a.href(e),"aria-current":t?`page`:void 0,"aria-label":n,title:n,onClick:t=>{t.ctrlKey||t.metaKey||t.shiftKey||t.button!==0||(t.preventDefault(),a.go(e))},children:r})}function lt({kind:e,children:t,action:n}){return Z(`div`,{class:`notice ${e}`,role:e===`problem`?`alert`:void 0,children:[Z(e===`problem`?Xe:Ze,{}),Z(`div`,{class:`notice-text`,children:t}),n]})}function ut({error:e,what:t,retry:n,limit:r}){let{text:i}=$();return Z(lt,{kind:`problem`,action:n&&Z(`button`,{type:`button`,class:`button`,onClick:n,children:i.general.retry}),children:[t&&Z(`strong`,{children:[t,` `]}),it(i,e,r)]})}function dt({text:e,...t}){return Z(b,{children:e.split(/\{(\w+)\}/).map((e,n)=>n%2?t[e]:e)})}function ft({at:e}){let{format:t}=$(),n=ot(),r=new Date(e);return Z(`span`,{class:`when`,tabIndex:0,onKeyDown:e=>e.key===`Escape`&&e.currentTarget.blur(),children:[Z(`time`,{dateTime:e,children:t.relative(r,n)}),Z(`time`,{class:`tip`,dateTime:e,children:t.moment(r)})]})}function pt({at:e}){let{format:t}=$();return Z(`time`,{dateTime:e,children:t.date(new Date(e))})}export{Be as A,ye as B,We as C,Fe as D,je as E,ze as F,V as G,he as H,Ve as I,R as J,ie as K,_e as L,Ne as M,Ie as N,Le as O,Pe as P,ve as R,et as S,Z as T,be as U,xe as V,B as W,Ke as _,lt as a,Qe as b,tt as c,at as d,ot as f,Ye as g,Xe as h,ut as i,Re as j,Me as k,st as l,$ as m,ft as n,ct as o,rt as p,b as q,dt as r,nt as s,pt as t,it as u,Je as v,qe as w,$e as x,Ge as y,Ce as z};