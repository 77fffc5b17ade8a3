const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=["assets/account-Bhkgucwr.js","assets/dialog---VsIYH3.js","assets/dialogs-BrDwKmJu.js","assets/copy-DYG7b_dT.js","assets/page-qgw1xFbp.js","assets/table-2Ob_w9Jp.js","assets/sign-in-D2u58mkv.js","assets/detail-CDwWJ6dW.js"])))=>i.map(i=>d[i]);
var e,t,n,r,i,a,o,s,c,l,u,d=Symbol.for(`pv`),f={},p=[],m=/^m(i|n|o|s|text|space)$/,h=Array.isArray,g=p.slice,_=Object.assign;function v(e){e&&e.parentNode&&e.remove()}function y(n,r,i,a,o){var s={type:n,props:r,key:i,ref:a,__k:null,__:null,__b:0,__e:null,__c:null,constructor:d,__v:o||++t,__i:-1,__u:0};return!o&&e.vnode&&e.vnode(s),s}function b(e){return e.children}function x(e,t){this.props=e,this.context=t,this.__g=0}function S(e,t){if(t==null)return e.__&&S(e.__,e.__i+1);for(var n;t<e.__k.length;t++)if((n=e.__k[t])&&n.__e)return n.__e;return typeof e.type!=`function`||e.props.__P?null:S(e)}function C(t){var n,r=t.__v,i=r.__e,a=[],o=[],s=t.__P;s&&((n=_({constructor:d},r)).__v=r.__v+1,e.vnode&&e.vnode(n),j(s,n,r,t.__n,s.namespaceURI,32&r.__u?[i]:null,a,i||S(r),32&r.__u,o),n.__v=r.__v,n.__.__k[n.__i]=n,ae(a,n,o),r.__=r.__e=null,n.__e!=i&&w(n))}function w(e){if((e=e.__)&&e.__c&&!e.props.__P)return e.__e=null,e.__k.some(function(t){return t&&(e.__e=t.__e)}),w(e)}function T(t){(8&t.__g||(t.__g|=8,n.push(t),i++))&&r==e.debounceRendering||((r=e.debounceRendering)||queueMicrotask)(E)}function E(){try{for(var e,t=1;n.length;)n.length>t&&n.sort(a),e=n.shift(),t=n.length,8&e.__g&&C(e)}finally{(i=n.length)&&(r||queueMicrotask)(E)}}function ee(e,t,n,r,i,a,o,s,c,l,u){var d,m,h,g,_,v,y=r.__k||p,b=t.length;for(c=D(n,t,y,c,b),d=0;d<b;d++)(h=n.__k[d])!=null&&(m=~h.__i&&y[h.__i]||f,h.__i=d,v=j(e,h,m,i,a,o,s,c,l,u),g=h.__e,(m.ref!=h.ref||8&m.__u)&&(m.ref&&M(m.ref,null,h,m),h.ref&&u.push(h.ref,h.__c||g,h)),_||=g,4&h.__u?(c=O(h,c,e,!m.__v),m.__e&&(m.__e=null)):typeof h.type==`function`&&v!==void 0?c=v:g&&(c=g.nextSibling),h.__u&=-21);return n.__e=_,c}function D(e,t,n,r,i){var a,o,s,c,l,u,f,p,m,g=n.length,_=g,v=0,x=0,C=e.__k=Array(i);for(a=0;a<i;a++)(o=t[a])!=null&&typeof o!=`boolean`&&typeof o!=`function`?(typeof o!=`object`||o.constructor===String?o=C[a]=y(null,o):h(o)?o=C[a]=y(b,{children:o}):o.constructor===d&&o.__b?o=C[a]=y(o.type,o.props,o.key,o.ref,o.__v):C[a]=o,c=a+v,o.__=e,o.__b=e.__b+1,s=null,~(l=o.__i=k(o,n,c,_))&&(_--,(s=n[l])&&(s.__u|=2)),s&&s.__v?(o.__u|=16,l==c-1?v--:l==c+1?v++:l!=c&&(l>c?v--:v++,x=1)):(~l||(i>g?v--:i<g&&v++),typeof o.type!=`function`&&(o.__u|=4))):C[a]=null;if(x){for(u=[],f=[],a=0;a<i;a++)if((o=C[a])&&16&o.__u){for(v=0,p=u.length;v<p;)u[m=v+p>>1]<o.__i?v=m+1:p=m;u[v]=o.__i,f[a]=v+1}for(v=u.length;a--;)f[a]&&(f[a]==v?v--:C[a].__u|=4)}if(_)for(a=0;a<g;a++)!(s=n[a])||2&s.__u||(s.__e==r&&(r=S(s)),se(s,s));return r}function O(e,t,n,r){var i,a,o,s;if(typeof e.type==`function`){if(e.props.__P)return t;if(i=e.__k)for(a=0;a<i.length;a++)i[a]&&(i[a].__=e,t=O(i[a],t,n,!1));return t}for(t&&!t.parentNode&&(t=S(e))&&!t.parentNode&&(t=null),o=e.__e,s=t;s&&s.nodeType==8;)s=s.nextSibling;for(o!=s&&(!r&&n.moveBefore&&o.parentNode?n.moveBefore(o,t):n.insertBefore(o,t||null)),t=o;(t&&=t.nextSibling)&&t.nodeType==8&&!t.data.startsWith(`$s`););return t}function k(e,t,n,r){var i,a=e.key,o=e.type,s=t[n],c=s&&!(2&s.__u);if(s===null&&a==null||c&&a==s.key&&o==s.type)return n;if(r>+!!c){for(i=n-1;i>=0;i--)if((s=t[i])&&!(2&s.__u)&&a==s.key&&o==s.type)return i;for(i=n+1;i<t.length;i++)if((s=t[i])&&!(2&s.__u)&&a==s.key&&o==s.type)return i}return-1}function te(e,t,n){n??=``,t[0]==`-`?e.setProperty(t,n):e[t]=n}function A(e,t,n,r,i){var a,o;if(t==`style`){if(typeof n==`string`)e.style.cssText=n;else{if(typeof r==`string`&&(e.style.cssText=r=``),r)for(t in r)n&&t in n||te(e.style,t);if(n)for(t in n)r&&n[t]==r[t]||te(e.style,t,n[t])}}else if(t[0]==`o`&&t[1]==`n`)typeof n!=`function`&&(n=null),typeof r!=`function`&&(r=null),(e.__e||={})[t]=n,n&&r||(o=l[t]||(l[t]=ne(t)),(e.__a||={})[t]=c,a=t!=(t=t.replace(s,`$1`)),(t=t.slice(2))[0]<`a`&&(t=t.toLowerCase()),n?e.addEventListener(t,o,a):e.removeEventListener(t,o,a));else{if(i==`http://www.w3.org/2000/svg`)t=t.replace(/xlink(H|:h)/,`h`).replace(/sName$/,`s`);else if(t!=`width`&&t!=`height`&&t!=`href`&&t!=`list`&&t!=`form`&&t!=`tabIndex`&&t!=`download`&&t!=`rowSpan`&&t!=`colSpan`&&t!=`role`&&t!=`popover`&&t in e)try{e[t]=n??``;return}catch{}if(typeof n==`function`)return;n==null||!1===n&&t[4]!=`-`?e.removeAttribute(t):e.setAttribute(t,t==`popover`&&n==1?``:n)}}function ne(t){return function(n){var r=this.__e;if(r){if(r=r[t],n[o]==null)n[o]=c++;else if(n[o]<this.__a[t])return;return r(e.event?e.event(n):n)}}}function j(t,n,r,i,a,o,s,c,l,u){var f,m,g,y,C,w,T,E,D,O,k,te,A,ne,j,ae,M,N,P=n.type;if(n.constructor!==d)return null;128&r.__u&&(l=32&r.__u,f=r.__c.__z)&&(n.__u|=l,m=o=[],f.nodeType==8?c=re(f,o):o.push(f),c=o[0]||c),(f=e.__b)&&f(n);n:if(typeof P==`function`){g=s.length;try{if(E=n.props,D=(f=P.prototype)&&f.render,O=(f=P.contextType)&&i[f.__c],k=f?O?O.props.value:f.__:i,(y=r.__c)?(n.__c=y,2&y.__g&&(y.__g|=1)):(D?n.__c=y=new P(E,k):(n.__c=y=new x(E,k),y.constructor=P,y.render=ce),O&&O.sub(y),y.state||(y.state={}),y.__n=i,y.__g|=8,y.__h=[],y.__k=[]),D&&(y.__s||(y.__s=y.state),P.getDerivedStateFromProps&&(y.__s==y.state&&(y.__s=_({},y.__s)),_(y.__s,P.getDerivedStateFromProps(E,y.__s)))),C=y.props,w=y.state,y.__v=n,r.__c){if(E!==C&&D&&!P.getDerivedStateFromProps&&y.componentWillReceiveProps&&y.componentWillReceiveProps(E,k),n.__v==r.__v&&!(8&y.__g)||!(4&y.__g)&&y.shouldComponentUpdate&&!1===y.shouldComponentUpdate(E,y.__s,k)){n.__v!=r.__v&&(y.props=E,y.state=y.__s,y.__g&=-9),n.__e=r.__e,n.__k=r.__k,n.__k.some(function(e){e&&(e.__=n)}),p.push.apply(y.__h,y.__k),y.__k=[],y.__h.length&&s.push(y),c=S(r);break n}y.componentWillUpdate&&y.componentWillUpdate(E,y.__s,k),D&&y.componentDidUpdate&&y.__h.push(function(){y.componentDidUpdate(C,w,T)})}else D&&!P.getDerivedStateFromProps&&y.componentWillMount&&y.componentWillMount(),D&&y.componentDidMount&&y.__h.push(y.componentDidMount);y.context=k,y.props=E,y.__P=t,y.__g&=-5,te=e.__r,A=D?25:0;do y.__g&=-9,te&&te(n),f=y.render(y.props,y.state=y.__s,y.context);while(8&y.__g&&++A<25);D&&(p.push.apply(y.__h,y.__k),y.__k=[]),y.state=y.__s,y.getChildContext&&(i=_({},i,y.getChildContext())),D&&r.__c&&y.getSnapshotBeforeUpdate&&(T=y.getSnapshotBeforeUpdate(C,w)),ne=f&&f.type===b&&f.key==null?f.props.children:f,E.__P&&(f=c,a=(t=E.__P).namespaceURI,l=o=null,r.props&&r.props.__P!=t&&(r.__k.some(function(e){e&&se(e,e)}),r.__k=null),c=r.__k?S(r,0):null),c=ee(t,h(ne)?ne:[ne],n,r,i,a,o,s,c,l,u),E.__P&&(n.__e=null,c=f),n.__u&=-161,m&&m.some(v),y.__h.length&&s.push(y),1&y.__g&&(y.__g&=-4)}catch(t){if(s.length=g,n.__v=null,l||o){if(t&&t.then){if(n.__u|=128|l,o){for(~(M=o.indexOf(c||void 0))||(M=o.length);(N=o[M-1])&&N.nodeType==8;)M--;for(;M<o.length;M++)if(N=o[M]){if(o[M]=null,j){if(N==ae)break}else{if(N.nodeType!=8)break;N.data.startsWith(`$s`)&&(ae=re(j=N))}}}if(!j){for(;c&&c.nodeType==8&&c.nextSibling;)c=c.nextSibling;j=c}(f=re(j=n.__c.__z||(n.__c.__z=j)))?(n.__e=j,c=f):n.__e=c,c&&=c.nextSibling}else o&&o.some(v)}else n.__e=r.__e;n.__k||=r.__k||[],t&&t.then||ie(n),e.__e(t,n,r)}}else c=n.__e=oe(r.__e,n,r,i,a,o,s,l,u,t);return(f=e.diffed)&&f(n),c}function re(e,t){if(e&&e.nodeType==8&&e.data.startsWith(`$s`))for(var n=1;e=e.nextSibling;){if(e.nodeType==8){if(e.data.startsWith(`$s`))n++;else if(e.data.startsWith(`/$s`)&&!--n)return e}t&&t.push(e)}}function ie(e){e&&(e.__c&&(e.__c.__g|=4),e.__k&&e.__k.some(ie))}function ae(t,n,r){for(var i=0;i<r.length;)M(r[i++],r[i++],r[i++]);e.__c&&e.__c(n,t),t.some(function(n){try{t=n.__h,n.__h=[],t.some(function(e){e.call(n)})}catch(t){e.__e(t,n.__v)}})}function oe(t,n,r,i,a,o,s,c,l,u){var d,p,_,y,b,x,C,w,T=r.props||f,E=n.props,D=n.type;if(D==`svg`?a=`http://www.w3.org/2000/svg`:D==`math`?a=`http://www.w3.org/1998/Math/MathML`:a||=`http://www.w3.org/1999/xhtml`,o){for(d=0;d<o.length;d++)if((b=o[d])&&(D?b.localName==D:b.nodeType==3)){t=b,o[d]=null;break}}if(!t){if(w=u.ownerDocument||document,!D)return w.createTextNode(E);t=w.createElementNS(a,D,E.is?E:u),c&&=(e.__m&&e.__m(n,o),!1),o=null}if(D){if(u=D==`template`&&t.content||t,o=D==`textarea`&&E.defaultValue!=null?null:o&&g.call(u.childNodes),!c&&o)for(T={},d=0;d<t.attributes.length;d++)T[(b=t.attributes[d]).name]=b.value;for(d in T)b=T[d],d==`dangerouslySetInnerHTML`?_=b:d==`children`||d in E||d==`value`&&`defaultValue`in E||d==`checked`&&`defaultChecked`in E||A(t,d,null,b,a);for(d in E)b=E[d],d==`children`?y=b:d==`dangerouslySetInnerHTML`?p=b:d==`value`?x=b:d==`checked`?C=b:c&&typeof b!=`function`||T[d]===b||A(t,d,b,T[d],a);p?(c||_&&(p.__html==_.__html||p.__html==t.innerHTML)||(t.innerHTML=p.__html),n.__k=[]):(_&&(t.textContent=``),(D==`foreignObject`||a==`http://www.w3.org/1998/Math/MathML`&&m.test(D))&&(a=`http://www.w3.org/1999/xhtml`),ee(u,h(y)?y:[y],n,r,i,a,o,s,o?o[0]:r.__k&&S(r,0),c,l),o&&o.some(v)),c&&D!=`textarea`||(d=`value`,D==`progress`&&x==null?t.removeAttribute(d):x==null||x===t[d]&&(D!=`progress`||x)||A(t,d,x,T[d],a),d=`checked`,C!=null&&C!=t[d]&&A(t,d,C,T[d],a))}else T===E||c&&t.data==E||(t.data=E);return t}function M(t,n,r,i){try{typeof t==`function`?n?n.__x=t(n)||1:(i&&=i.__c||i.__e)&&(n=i.__x)&&(i.__x=null,typeof n==`function`?n():t(null)):t.current=n}catch(t){e.__e(t,r)}}function se(t,n,r){var i,a,o,s;if(e.unmount&&e.unmount(t),!(i=t.ref)||i.current&&i.current!=t.__e||M(i,null,n,t),i=t.__c){if(i.componentWillUnmount)try{i.componentWillUnmount()}catch(t){e.__e(t,n)}i.__P=i.__n=null}if(i=t.__k)for(s=0;s<i.length;s++)i[s]&&se(i[s],n,typeof t.type!=`function`||r&&!t.props.__P);!r&&(i=t.__c)&&(i=i.__z)&&(a=re(i,o=[]))&&(i==t.__e&&o.some(v),v(a),v(i)),r||v(t.__e),t.__e=t.__c=t.__=null}function ce(e,t,n){return this.constructor(e,n)}function N(t,n){var r,i,a,o;e.__&&e.__(t,n),n.nodeType==9&&(n=n.documentElement),i=(r=t&&32&t.__u)?null:n.__k,n.__k=y(b,{children:[t]}),a=[],o=[],j(n,n.__k,i||f,f,n.namespaceURI,i?null:n.firstChild?g.call(n.childNodes):null,a,i?i.__e:n.firstChild,r,o),ae(a,n.__k,o),n.__k.props.children=null}function P(e){function t(e){var n,r;return this.getChildContext||(n=new Set,(r={})[t.__c]=this,this.getChildContext=function(){return r},this.shouldComponentUpdate=function(e){this.props.value!=e.value&&n.forEach(function(e){e.__g|=4,T(e)})},this.sub=function(e){n.add(e);var t=e.componentWillUnmount;e.componentWillUnmount=function(){n.delete(e),t&&t.call(e)}}),e.children}return t.__c=`__cC`+u++,t.__=e,t.Provider=(t.Consumer=function(e,t){return e.children(t)}).contextType=t,t}e={__e:function(e,t,n,r){for(var a,o,s;t=t.__;)if((a=t.__c)&&!(1&a.__g)){a.__g|=4;try{if((s=(o=a.constructor)&&o.getDerivedStateFromError)&&a.setState(o.getDerivedStateFromError(e)),a.componentDidCatch&&(a.componentDidCatch(e,r||{}),s=1),s&&8&a.__g)return void(a.__g|=2)}catch(t){e=t}}throw i=0,e}},t=0,x.prototype.setState=function(e,t){var n=this.__s;n&&n!=this.state||(n=this.__s=_({},this.state)),typeof e==`function`&&(e=e(_({},n),this.props)),e&&(_(n,e),this.__v&&(t&&this.__k.push(t),T(this)))},x.prototype.forceUpdate=function(e){this.__v&&(this.__g|=4,e&&this.__h.push(e),T(this))},x.prototype.render=b,n=[],i=0,a=function(e,t){return e.__v.__b-t.__v.__b},o=Symbol(),s=/(PointerCapture)$|Capture$/i,c=0,l={},u=0;var le=class extends Error{code;field;reason;limit;requestId;constructor(e,{code:t=`INTERNAL`,field:n=``,reason:r=``,limit:i=0,requestId:a=``}={}){super(e),this.code=t,this.field=n,this.reason=r,this.limit=i,this.requestId=a}},ue=class extends Error{};function de(e,t){return async(n,r,i)=>{let a=await fe(e,await t(),{query:n.toString(),variables:r},i),[o]=a.errors??[];if(o)throw new le(o.message,o.extensions);return a.data}}async function fe(e,t,n,r){let i={"Content-Type":`application/json`,Accept:`application/graphql-response+json`};t&&(i.Authorization=t);try{return await(await fetch(e,{method:`POST`,headers:i,body:JSON.stringify(n),cache:`no-store`,signal:r??null})).json()}catch(e){throw r?.aborted?e:new ue}}var F,I,pe,me,he=Object.is,L=0,ge=[],_e=[],R=e,ve=R.__b,ye=R.__r,be=R.diffed,xe=R.__c,Se=R.unmount,Ce=R.__;function z(e,t){R.__h&&R.__h(I,e,L||t),L=0;var n=I.__H||(I.__H={__:[],__h:[]});return e>=n.__.length&&n.__.push({}),n.__[e]}function B(e){return L=1,we(Le,e)}function we(e,t,n){var r=z(F++,2);if(r.t=e,!r.__c&&(r.__=[n?n(t):Le(void 0,t),function(e){var t=(r.__N||r.__)[0],n=r.t(t,e);he(t,n)||(r.__N=[n,r.__[1]],r.__c.setState({}))}],r.__c=I,!I.__f)){I.__f=!0;var i=I.shouldComponentUpdate;I.shouldComponentUpdate=function(e,t,n){var r=this.__H;if(!r)return!0;var a=!1,o=this.props!=e;if(r.__.some(function(e){e.__N&&(a=!0,he(e.__[0],e.__N[0])||(o=!0))}),i){var s=i.call(this,e,t,n);return a?s||o:s}return!a||o}}return r.__}function V(e,t){var n=z(F++,3);!R.__s&&Ie(n.__H,t)&&(n.__P=!0,n.__=e,n.u=t,I.__H.__h.push(n))}function Te(e,t){var n=z(F++,4);!R.__s&&Ie(n.__H,t)&&(n.__P=!1,n.__=e,n.u=t,I.__h.push(n))}function H(e){return L=5,Ee(function(){return{current:e}},[])}function Ee(e,t){var n=z(F++,7);return Ie(n.__H,t)&&(n.__=e(),n.__H=t),n.__}function De(e,t){return L=8,Ee(function(){return e},t)}function Oe(e){var t=I.context[e.__c],n=z(F++,9);return n.c=e,t?(n.__??(n.__=!0,t.sub(I)),t.props.value):e.__}function ke(){var e=z(F++,11);if(!e.__){for(var t=I.__v;!t.__m&&t.__;)t=t.__;var n=t.__m||(t.__m=[0,0]);e.__=`P`+n[0]+`-`+n[1]++}return e.__}function Ae(){var e;do{for(;e=_e.shift();)try{Pe(e)}catch(t){R.__e(t,{__:(e=e.__P)&&e.__v})}for(;e=ge.shift();){var t=e.__H;if(e.__P&&t)try{t.__h.some(Pe),t.__h.some(Fe),t.__h=[]}catch(n){t.__h=[],R.__e(n,e.__v)}}}while(_e.length)}R.__b=function(e){I=null,ve&&ve(e)},R.__=function(e,t){e&&t.__k&&t.__k.__m&&(e.__m=t.__k.__m),Ce&&Ce(e,t)},R.__r=function(e){ye&&ye(e),F=0;var t=(I=e.__c).__H;t&&(pe==I?I.__h=[]:(t.__h.some(Pe),t.__h.some(Fe),F=0),t.__h=[],t.__.some(function(e){e.__N&&(e.__=e.__N),e.u=e.__N=void 0})),pe=I},R.diffed=function(e){be&&be(e);var t=e.__c;t&&t.__H&&(t.__H.__h.length&&Ne(ge.push(t)),t.__H.__.some(function(e){e.u&&(e.__H=e.u)})),pe=I=null},R.__c=function(e,t){t.some(function(e){try{e.__h.some(Pe),e.__h=e.__h.filter(function(e){return!e.__||Fe(e)})}catch(t){e.__h=[function(){throw t}]}}),xe&&xe(e,t)},R.unmount=function(e){Se&&Se(e);var t,n,r=e.__c;r&&r.__H&&(r.__H.__.some(function(r){try{if(r.__P&&r.__c){if(n===void 0){for(n=e.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n&&=n.__c}r.__P=n,Ne(_e.push(r))}else Pe(r)}catch(e){t=e}}),r.__H=void 0,t&&R.__e(t,r.__v))};var je=typeof requestAnimationFrame==`function`;function Me(e){var t,n=function(){clearTimeout(r),je&&cancelAnimationFrame(t),setTimeout(e)},r=setTimeout(n,35);je&&(t=requestAnimationFrame(n))}function Ne(e){e!=1&&me==R.requestAnimationFrame||((me=R.requestAnimationFrame)||Me)(Ae)}function Pe(e){var t=I,n=e.__c;typeof n==`function`&&(e.__c=void 0,n()),I=t}function Fe(e){var t=I;e.__c=e.__(),I=t}function Ie(e,t){return!e||e.length!=t.length||t.some(function(t,n){return!he(t,e[n])})}function Le(e,t){return typeof t==`function`?t(e):t}var U=class extends String{__apiType;value;__meta__;constructor(e,t){super(e),this.value=e,this.__meta__=t}toString(){return this.value}};new U(`
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
    `,{fragmentName:`AuditRow`}),new U(`
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
  revokeOld
  rotationEndsAt
  revokedAt
}
    `,{fragmentName:`TokenRow`});var Re=new U(`
    query Workspaces {
  viewer {
    workspaces {
      id
      slug
      name
      role
      current
    }
  }
}
    `),ze=new U(`
    query Sessions($operator: ID!) {
  sessions(operatorId: $operator) {
    id
    way
    createdAt
    lastSeenAt
    ip
    userAgent
    current
  }
}
    `),Be=new U(`
    mutation EndSession($input: EndSessionInput!) {
  endSession(input: $input) {
    receipt {
      requestsCancelled
    }
  }
}
    `),Ve=new U(`
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
}`),He=new U(`
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
    `),Ue=new U(`
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
    workspaces {
      id
    }
    abilities
  }
}
    `),We=new U(`
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
  revokeOld
  rotationEndsAt
  revokedAt
}`),Ge=new U(`
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
    `),Ke=new U(`
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
  revokeOld
  rotationEndsAt
  revokedAt
}`),qe=new U(`
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
    `),Je=new U(`
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
    `),Ye=new U(`
    mutation Update($input: UpdateTokenInput!) {
  updateToken(input: $input) {
    token {
      id
      label
    }
  }
}
    `),Xe=new U(`
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
    `),Ze=new U(`
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
  revokeOld
  rotationEndsAt
  revokedAt
}`),Qe=1e4,$e=500,et=15e3,tt=4401;function nt(e,t,n,r){let i,a,o=0,s=!1,c=setInterval(()=>{o>0&&!document.hidden&&r({kind:`unknown`})},Qe),l=async()=>{let c=await t().catch(()=>void 0);if(s)return;i=new WebSocket(e.replace(/^http/,`ws`),`graphql-transport-ws`);let u=e=>i?.send(JSON.stringify(e));i.onopen=()=>u({type:`connection_init`,payload:c?{Authorization:c}:{}}),i.onmessage=({data:e})=>{let t=JSON.parse(e);t.type===`ping`&&u({type:`pong`}),t.type===`connection_ack`&&(u({type:`subscribe`,id:`used`,payload:{query:Ze.toString(),variables:{since:n}}}),u({type:`subscribe`,id:`recorded`,payload:{query:He.toString()}}),o>0&&r({kind:`unknown`}),o=0,r({kind:`live`,live:!0}));let{apiTokenUsed:a,auditEntryAdded:s}=t.payload?.data??{};a&&r({kind:`used`,token:a}),s&&r({kind:`recorded`,entry:s}),t.type===`error`&&i?.close()},i.onclose=({code:e})=>{if(!s){if(e===tt)return r({kind:`signed out`});r({kind:`live`,live:!1}),a=setTimeout(()=>void l(),Math.min(et,$e*2**o++))}}};return l(),()=>{s=!0,clearInterval(c),clearTimeout(a),i?.close()}}var rt=Symbol.for(`pv`),it=0;Array.isArray;function W(t,n,r,i,a,o){n||={};var s,c,l=n;if(`ref`in l&&typeof t!=`function`)for(c in l={},n)c==`ref`?s=n[c]:l[c]=n[c];var u={type:t,props:l,key:r,ref:s,__k:null,__:null,__b:0,__e:null,__c:null,constructor:rt,__v:--it,__i:-1,__u:0};return(a||o)&&(u.__source=a,u.__self=o),e.vnode&&e.vnode(u),u}var G=({children:e})=>W(`svg`,{class:`icon`,viewBox:`0 0 16 16`,"aria-hidden":`true`,children:e}),at=()=>W(G,{children:W(`path`,{d:`M8 3v10M3 8h10`})}),ot=()=>W(G,{children:W(`path`,{d:`m4 4 8 8M12 4l-8 8`})}),st=()=>W(G,{children:W(`path`,{d:`m3 8.5 3.5 3.5L13 4.5`})}),ct=()=>W(G,{children:[W(`circle`,{cx:`7`,cy:`7`,r:`4`}),W(`path`,{d:`m10 10 3.5 3.5`})]}),lt=()=>W(G,{children:[W(`rect`,{x:`5.5`,y:`5.5`,width:`8`,height:`8`,rx:`1.5`}),W(`path`,{d:`M3 10.5A.5.5 0 0 1 2.5 10V4A1.5 1.5 0 0 1 4 2.500h6a.5.5 0 0 1 .5.5`})]}),ut=()=>W(G,{children:W(`path`,{d:`M13 8H3m4-4L3 8l4 4`})}),dt=()=>W(G,{children:W(`path`,{d:`M8 2 1.500 13.500h13zM8 6.500v3M8 11.500v.1`})}),ft=()=>W(G,{children:[W(`circle`,{cx:`8`,cy:`8`,r:`6`}),W(`path`,{d:`M8 7.500v3.500M8 5v.1`})]}),pt=()=>W(G,{children:W(`path`,{d:`M8 2.500v8m-3.500-3L8 11l3.500-3.500M3 13.500h10`})}),mt=()=>W(G,{children:W(`path`,{d:`m4 6 4 4 4-4`})}),ht=()=>W(G,{children:W(`path`,{d:`M2.500 8a5.500 5.500 0 1 0 1.700-4L2.500 5.500m0-3v3h3M8 5v3l2 1.500`})}),gt=()=>W(`svg`,{class:`logo`,viewBox:`0 0 32 32`,"aria-hidden":`true`,children:[W(`rect`,{width:`32`,height:`32`,rx:`8`}),W(`path`,{d:`M11 8v16M21 9l-9 8 9 7`})]}),_t=P(null),vt=P(null),K=()=>Oe(_t),q=()=>Oe(vt);function yt(e,t){if(t instanceof ue)return e.failures.unreachable;if(!(t instanceof le))throw t;let n=e.failures.reasons[t.reason];if(n)return n;switch(t.code){case`LIMIT_REACHED`:return e.failures.limit(t.limit);case`AUDIT_UNAVAILABLE`:return e.failures.audit;case`RATE_LIMITED`:return e.failures.rate;case`NOT_FOUND`:return e.failures.notFound;case`CONFLICT`:return e.failures.conflict;case`FORBIDDEN`:return e.failures.forbidden;case`UNAVAILABLE`:return e.failures.unreachable;case`BAD_USER_INPUT`:case`QUERY_TOO_COMPLEX`:return t.message;default:return e.failures.internal(t.requestId)}}var bt=(e,t,n)=>n instanceof le&&n.field===e?yt(t,n):void 0;function xt(e,t){let{ask:n}=K(),[r,i]=B({data:void 0,error:void 0,loading:!0}),a=H(void 0),o=JSON.stringify(t),s=De(()=>{a.current?.abort();let t=a.current=new AbortController;i(e=>({...e,loading:!0})),n(e,JSON.parse(o),t.signal).then(e=>t.signal.aborted||i({data:e,error:void 0,loading:!1}),e=>t.signal.aborted||i(t=>({data:t.data,error:e,loading:!1})))},[n,e,o]);V(()=>(s(),()=>a.current?.abort()),[s]);let c=De(e=>i(t=>t.data?{...t,data:e(t.data)}:t),[]);return{...r,reload:s,patch:c}}function J(){let[e,t]=B(()=>new Date);return V(()=>{let e=setInterval(()=>t(new Date),2e4);return()=>clearInterval(e)},[]),e}function St(e,t){let n=!1;return()=>{n||(n=!0,setTimeout(()=>{n=!1,e()},t))}}function Ct({kind:e,children:t,action:n}){return W(`div`,{class:`notice ${e}`,role:e===`problem`?`alert`:void 0,children:[W(e===`problem`?dt:ft,{}),W(`div`,{class:`notice-text`,children:t}),n]})}function wt({error:e,what:t,retry:n}){let{text:r}=K();return W(Ct,{kind:`problem`,action:n&&W(`button`,{type:`button`,class:`button`,onClick:n,children:r.general.retry}),children:[t&&W(`strong`,{children:[t,` `]}),yt(r,e)]})}function Y(e){let t;return function(n){let[r,i]=B(t?`loaded`:`loading`);return V(()=>{r===`loading`&&e().then(e=>{t=e,i(`loaded`)},()=>i(`failed`))},[r]),t?W(t,{...n}):r===`failed`?W(wt,{error:new ue,retry:()=>i(`loading`)}):null}}function X({to:e,current:t,label:n,children:r,...i}){let{place:a}=K();return W(`a`,{...i,href:a.href(e),"aria-current":t?`page`:void 0,"aria-label":n,title:n,onClick:t=>{t.ctrlKey||t.metaKey||t.shiftKey||t.button!==0||(t.preventDefault(),a.go(e))},children:r})}var Tt=(function(){let e=typeof document<`u`&&document.createElement(`link`).relList;return e&&e.supports&&e.supports(`modulepreload`)?`modulepreload`:`preload`})(),Et=function(e){return`/`+e},Dt={},Ot=function(e){return e.pathname.endsWith(`.css`)},kt=function(e,t,n){if(t in e)return e[t];let r=n();if(!r){e[t]=void 0;return}let i=r.then(()=>{e[t]=void 0},n=>{throw e[t]=void 0,n});return e[t]=i,i},Z=function(e,t,n){let r=Promise.resolve();if(t&&t.length>0){let e,i=document.querySelector(`meta[property=csp-nonce]`),a=i?.nonce||i?.getAttribute(`nonce`);function o(e){return Promise.all(e.map(e=>Promise.resolve(e).then(e=>({status:`fulfilled`,value:e}),e=>({status:`rejected`,reason:e}))))}function s(e){return import.meta.resolve?new URL(import.meta.resolve(e)):new URL(e,import.meta.url)}r=o(t.map(t=>{t=Et(t,n);let r=s(t),i=Ot(r);return kt(Dt,r.href,()=>{if(e===void 0){e={all:new Set,styles:new Set};let t=document.getElementsByTagName(`link`);for(let n=t.length-1;n>=0;n--){let r=t[n];e.all.add(r.href),r.rel===`stylesheet`&&e.styles.add(r.href)}}if((i?e.styles:e.all).has(r.href))return;let t=document.createElement(`link`);if(t.rel=i?`stylesheet`:Tt,i||(t.as=`script`),t.crossOrigin=``,t.href=r.href,a&&t.setAttribute(`nonce`,a),document.head.appendChild(t),i)return new Promise((e,n)=>{let i=a=>{t.removeEventListener(`load`,i),t.removeEventListener(`error`,i),a.type===`error`?n(Error(`Unable to preload CSS for ${r}`)):e(a)};t.addEventListener(`load`,i),t.addEventListener(`error`,i)})})}).filter(e=>e!==void 0))}function i(e){let t=new Event(`vite:preloadError`,{cancelable:!0});if(t.payload=e,window.dispatchEvent(t),!t.defaultPrevented)throw e}return r.then(t=>{for(let e of t||[])e.status===`rejected`&&i(e.reason);return e().catch(i)})},At=Y(()=>Z(()=>import(`./account-Bhkgucwr.js`).then(e=>e.SessionsDialog),__vite__mapDeps([0,1]))),jt=Y(()=>Z(()=>import(`./account-Bhkgucwr.js`).then(e=>e.WorkspacesDialog),__vite__mapDeps([0,1]))),Mt=()=>fetch(`/sign-out`,{method:`POST`,redirect:`manual`});function Nt({view:e,onSignedOut:t,children:n}){let{text:r,embedded:i,format:a}=K(),{viewer:o}=q(),s=`${e===`audit`?r.frame.audit:r.frame.tokens} · ${o.workspace.name}`,c=a.locale.startsWith(`nl`)?`en`:`nl`,[l,u]=B();return V(()=>{i||(document.title=s)},[s]),W(b,{children:[!i&&W(`header`,{class:`top`,children:[W(`a`,{class:`skip`,href:`#content`,children:r.frame.skip}),W(`div`,{class:`top-inner`,children:[W(gt,{}),o.workspaces.length>1?W(`button`,{type:`button`,class:`button quiet workspace`,"aria-haspopup":`dialog`,"aria-label":r.account.switchFrom(o.workspace.name),onClick:()=>u(`workspaces`),children:[W(`bdi`,{children:o.workspace.name}),` `,W(mt,{})]}):W(`span`,{class:`workspace`,children:W(`bdi`,{children:o.workspace.name})}),W(`button`,{type:`button`,class:`button quiet who`,"aria-haspopup":`dialog`,"aria-label":r.account.sessionsOf(o.actor.name),onClick:()=>u(`sessions`),children:W(`bdi`,{children:o.actor.name})}),W(`button`,{type:`button`,class:`button quiet sign-out`,onClick:()=>void Mt().then(t),children:r.frame.signOut})]}),l===`workspaces`&&W(jt,{onClose:()=>u(void 0)}),l===`sessions`&&W(At,{onClose:()=>u(void 0)})]}),W(`nav`,{class:`sections`,"aria-label":r.frame.sections,children:[W(X,{to:{view:`tokens`,query:{}},current:e===`tokens`,children:r.frame.tokens}),W(X,{to:{view:`audit`,query:{}},current:e===`audit`,children:r.frame.audit})]}),W(`main`,{class:`page`,id:`content`,tabIndex:-1,children:n}),!i&&W(`footer`,{class:`foot`,children:[W(`a`,{href:`?lang=${c}`,lang:c,hreflang:c,children:r.frame.language}),W(`a`,{href:`/schema.graphql`,children:r.frame.schema}),W(`a`,{href:`/playground`,children:r.frame.playground})]})]})}var Pt=(e,t=0)=>new Date(e.getFullYear(),e.getMonth(),e.getDate()+t),Ft=e=>Pt(e,-29);function It(e,t,n){let r=new Map;for(let t of e){let e=Pt(new Date(t.start)).getTime();r.set(e,(r.get(e)??0)+t.requests)}let i=Pt(new Date(t));return Array.from({length:30},(e,t)=>{let a=Pt(n,t+1-30);return{start:a,requests:r.get(a.getTime())??0,known:a>=i}})}var Lt=e=>e.reduce((e,t)=>e+t.requests,0),Rt={tokens:`/settings/api-tokens`,audit:`/settings/audit-log`},zt=e=>{let t=new URLSearchParams(Object.entries(e).filter(([,e])=>e!==``)).toString();return t&&`?${t}`},Bt=()=>new URLSearchParams(location.search).get(`lang`)??``;function Vt(){let e=new Set,t=()=>e.forEach(e=>e());addEventListener(`popstate`,t);let n=e=>Rt[e.view]+zt({...e.query,lang:Bt()});return{now:()=>{let{lang:e,...t}=Object.fromEntries(new URLSearchParams(location.search));return{view:location.pathname===Rt.audit?`audit`:`tokens`,query:t}},go:(e,r)=>{history[r?`replaceState`:`pushState`](null,``,n(e)),t()},href:n,watch:t=>(e.add(t),()=>e.delete(t))}}function Ht(e){let[t,n]=B(()=>e.now());return V(()=>e.watch(()=>n(e.now())),[e]),t}var Ut=()=>new BroadcastChannel(`keloa-session`);function Wt(){let e=Ut();e.postMessage(`signed in`),e.close()}var Q=()=>Z(()=>import(`./dialogs-BrDwKmJu.js`),__vite__mapDeps([2,1,3])),Gt=()=>void Q().catch(()=>void 0),Kt=Y(()=>Q().then(e=>e.EditDialog)),qt=Y(()=>Q().then(e=>e.MintDialog)),Jt=Y(()=>Q().then(e=>e.RevokeDialog)),Yt=Y(()=>Q().then(e=>e.RotateDialog)),Xt=Y(()=>Q().then(e=>e.SecretDialog)),Zt=36e5,Qt=24*Zt;function $t(e){let t=t=>new Date(Math.floor((e.getTime()+t)/Zt)*Zt).toISOString();return{day:t(-864e5),week:t(-7*Qt),month:t(-30*Qt),soon:t(14*Qt)}}var en={idle:e=>({idleSince:e.month}),expiring:e=>({expiresBefore:e.soon}),unending:()=>({neverExpires:!0}),fullAccess:()=>({abilities:[`FULL_ACCESS`]})},tn={REVOKED:[`REVOKED`],EXPIRED:[`EXPIRED`],all:[`ACTIVE`,`ROTATING`,`EXPIRED`,`REVOKED`]},nn={label:{field:`LABEL`,direction:`ASC`},used:{field:`LAST_USED_AT`,direction:`DESC`}};function rn(e,t){return{...Object.hasOwn(en,e.show??``)?en[e.show](t):{},...e.q?{search:e.q}:{},...tn[e.state??``]?{states:tn[e.state]}:{},...e.mode===`LIVE`||e.mode===`TEST`?{modes:[e.mode]}:{}}}var an=e=>nn[e.order??``]??{field:`CREATED_AT`,direction:`DESC`},on=({q:e,show:t,state:n,mode:r})=>!!(e||t||n||r),sn=e=>{let{usedToday:t,usedThisWeek:n,usedThisMonth:r,neverUsed:i,all:a}=e;return[{key:`day`,n:t.totalCount},{key:`week`,n:n.totalCount-t.totalCount},{key:`month`,n:r.totalCount-n.totalCount},{key:`longer`,n:a.totalCount-i.totalCount-r.totalCount},{key:`never`,n:i.totalCount}]};function cn(){let{onChange:e}=q(),{data:t,error:n,reload:r}=xt(Ge,$t(new Date));return V(()=>e(St(r,1e3)),[e,r]),t??(n?null:void 0)}function ln({data:e}){let{text:t,format:n}=K(),{viewer:r}=q(),{tokenCount:i,tokenLimit:a}=e.viewer.workspace,o=sn(e).filter(e=>e.n>0),s=Math.max(1,e.all.totalCount),c=0;return W(`section`,{class:`card glance`,"aria-label":t.glance.title,children:[W(`p`,{class:`glance-plan`,children:t.glance.used(t.plans[r.workspace.plan],i,a)}),W(`svg`,{class:`spread`,role:`img`,viewBox:`0 0 1000 12`,preserveAspectRatio:`none`,"aria-label":t.glance.picture(o.map(e=>t.glance.part(t.glance[e.key],e.n))),children:o.map((e,t)=>{let n=e.n/s*1e3,r=t&&3,i=W(`rect`,{class:`part-${e.key}`,x:c+r,y:`0`,width:Math.max(2,n-r),height:`12`},e.key);return c+=n,i})}),W(`ul`,{class:`legend`,"aria-hidden":`true`,children:o.map(e=>W(`li`,{children:[W(`span`,{class:`dot part-${e.key}`}),t.glance[e.key],` `,W(`strong`,{children:n.number(e.n)})]},e.key))}),W(`details`,{class:`figures-of`,children:[W(`summary`,{children:t.general.figures}),W(`table`,{class:`figures`,children:[W(`thead`,{children:W(`tr`,{children:[W(`th`,{scope:`col`,children:t.glance.lastUsed}),W(`th`,{scope:`col`,children:t.glance.tokens})]})}),W(`tbody`,{children:sn(e).map(e=>W(`tr`,{children:[W(`td`,{children:t.glance[e.key]}),W(`td`,{children:n.number(e.n)})]},e.key))})]})]})]})}function un({data:e,query:t,go:n}){let{text:r,format:i}=K(),a=[[``,r.filters.all,e.all.totalCount],[`idle`,r.filters.idle,e.idle.totalCount],[`expiring`,r.filters.expiring,e.expiring.totalCount],[`unending`,r.filters.unending,e.unending.totalCount],[`fullAccess`,r.filters.fullAccess,e.fullAccess.totalCount]];return W(`div`,{class:`counts`,role:`group`,"aria-label":r.filters.show,children:a.map(([e,r,a])=>W(`button`,{type:`button`,class:`count`,"aria-pressed":(t.show??``)===e,onClick:()=>n({show:e}),children:[r,` `,W(`span`,{class:`number`,children:i.number(a)})]},e))})}var dn=20;async function fn(e,t,n,r,i){let a={tokens:[],total:0,next:null};do{let{apiTokens:r}=await e(We,{after:a.next,filter:t,order:n,since:Ft(new Date).toISOString()},i);a.tokens.push(...r.nodes),a.total=r.totalCount,a.next=r.pageInfo.hasNextPage?r.pageInfo.endCursor:null}while(a.next&&a.tokens.length<r);return a}function pn(e,t){let{ask:n}=K(),{onChange:r}=q(),[i,a]=B(),[o,s]=B(),[c,l]=B(!0),[u,d]=B(()=>new Date),f=H(dn),p=H(void 0),m=JSON.stringify([e,t]),h=De(()=>{p.current?.abort();let e=p.current=new AbortController,[t,r]=JSON.parse(m);return l(!0),fn(n,t,r,f.current,e.signal).then(t=>{e.signal.aborted||(a(t),s(void 0),l(!1),d(new Date))},t=>{e.signal.aborted||(s(t),l(!1))})},[n,m]);return V(()=>(f.current=dn,h(),()=>p.current?.abort()),[h]),V(()=>{let e=St(h,200);return r(t=>{if(t.kind!==`used`)return e();a(e=>e&&{...e,tokens:e.tokens.map(e=>e.id===t.token.id?t.token:e)})})},[r,h]),{list:i,error:o,loading:c,readAt:u,reload:h,more:()=>(f.current+=dn,h())}}function mn(e){let t=new Map(e.flatMap(e=>e.rotatedTo?[[e.rotatedTo.id,e]]:[])),n=new Set(e.map(e=>e.id));return e.filter(e=>!e.rotatedTo||!n.has(e.rotatedTo.id)).flatMap(e=>{let n=[e];for(let r=t.get(e.id);r&&!n.includes(r);r=t.get(r.id))n.push(r);return n})}function hn({open:e,onClose:t,onRevoked:n}){switch(e?.kind){case`mint`:return W(qt,{label:e.label,abilities:e.abilities,onClose:t});case`rotate`:return W(Yt,{token:e.token,ends:e.ends,onClose:t});case`edit`:return W(Kt,{token:e.token,keep:e.keep,onClose:t});case`revoke`:return W(Jt,{token:e.token,onClose:t,onDone:n});case void 0:return null}}function gn({abilities:e}){let{text:t}=K();return W(`ul`,{class:`chips`,children:e.map(e=>W(`li`,{class:e===`FULL_ACCESS`?`chip strong`:`chip`,children:t.abilities[e].title},e))})}function $({text:e,...t}){return W(b,{children:e.split(/\{(\w+)\}/).map((e,n)=>n%2?t[e]:e)})}function _n({days:e,height:t=28}){let{text:n,format:r}=K(),i=Lt(e),a=Math.max(...e.map(e=>e.requests)),o=e.find(e=>e.requests===a);return W(`svg`,{class:`strip`,role:`img`,"aria-label":i===0||!o?n.strip.none:n.strip.picture(i,e.filter(e=>e.requests>0).length,r.date(o.start),a),viewBox:`0 0 ${e.length*5-1} ${t}`,preserveAspectRatio:`none`,children:e.map((e,n)=>{if(!e.known&&e.requests===0)return null;let r=a===0?0:Math.sqrt(e.requests/a),i=e.requests===0?1.5:Math.max(4,Math.round(r*t));return W(`rect`,{class:`bar-${e.requests===0?0:Math.ceil(r*4)}`,x:n*5,y:t-i,width:`4`,height:i,rx:`1`},n)})})}function vn({days:e}){let{text:t,format:n}=K();return W(`table`,{class:`figures`,children:[W(`thead`,{children:W(`tr`,{children:[W(`th`,{scope:`col`,children:t.strip.day}),W(`th`,{scope:`col`,children:t.strip.count})]})}),W(`tbody`,{children:e.filter(e=>e.requests>0).reverse().map(e=>W(`tr`,{children:[W(`td`,{children:W(`time`,{children:n.date(e.start)})}),W(`td`,{children:n.number(e.requests)})]},e.start.getTime()))})]})}function yn({at:e}){let{format:t}=K(),n=J(),r=new Date(e);return W(`span`,{class:`when`,tabIndex:0,onKeyDown:e=>e.key===`Escape`&&e.currentTarget.blur(),children:[W(`time`,{dateTime:e,children:t.relative(r,n)}),W(`time`,{class:`tip`,dateTime:e,children:t.moment(r)})]})}function bn({at:e}){let{format:t}=K();return W(`time`,{dateTime:e,children:t.date(new Date(e))})}var xn=7776e6,Sn=e=>e.abilityUsage.filter(e=>e.lastUsedAt&&Date.now()-Date.parse(e.lastUsedAt)<xn).map(e=>e.ability);function Cn({token:e,code:t,open:n}){let{text:r}=K(),{mayChange:i}=q(),a=r.advice[t],o=e.abilities.filter(t=>!Sn(e).includes(t));return W(`p`,{class:t===`EXPOSED`?`advice urgent`:`advice`,children:[W(dt,{}),W(`span`,{children:[typeof a==`string`?a:a(o.map(e=>r.abilities[e].title)),` `,i&&s()]})]});function s(){let i=(e,t)=>W(`button`,{type:`button`,class:`inline`,onClick:()=>n(t),children:e});switch(t){case`UNUSED_ABILITY`:return i(r.advice.narrow,{kind:`edit`,token:e,keep:e.abilities.filter(e=>!o.includes(e))});case`FULL_ACCESS_UNNEEDED`:return i(r.advice.narrow,{kind:`edit`,token:e,keep:Sn(e).filter(e=>e!==`FULL_ACCESS`)});case`NEVER_USED`:case`STALE`:return i(r.tokens.revoke,{kind:`revoke`,token:e});case`EXPOSED`:return i(r.tokens.rotate,{kind:`rotate`,token:e,ends:`NOW`});case`MINTER_LEFT`:return i(r.tokens.rotate,{kind:`rotate`,token:e,ends:`WHEN_NEW_IS_LIVE`});case`SHARED_BY_CONSUMERS`:case`EXPIRES_SOON`:return W(X,{to:{view:`tokens`,query:{label:e.label,abilities:e.abilities.join(`,`)}},children:r.tokens.create})}}}var wn=e=>e===`ACTIVE`||e===`ROTATING`,Tn=({state:e,rotatedFrom:t,rotatedTo:n})=>wn(e)&&!!(n||t&&wn(t.state));function En({token:e,open:t}){let{text:n}=K(),{mayChange:r}=q(),i=It(e.usage,e.createdAt,J()),a=Lt(i),o=W(b,{children:[W(_n,{days:i}),W(`span`,{class:`beneath`,children:n.strip.requests(a)})]}),[s]=e.advice;return W(b,{children:[W(`tr`,{role:`row`,class:wn(e.state)?`row`:`row ended`,children:[W(`th`,{role:`rowheader`,scope:`row`,class:`cell-token`,children:[W(X,{class:`label`,to:{view:`tokens`,query:{token:e.id}},children:W(`bdi`,{children:e.label})}),W(`span`,{class:`beneath`,children:[W(`code`,{children:e.hint}),e.mode===`TEST`&&W(`span`,{class:`badge`,children:n.modes.TEST}),e.state!==`ACTIVE`&&W(`span`,{class:`badge ${e.state}`,children:n.states[e.state]})]})]}),W(`td`,{role:`cell`,class:`cell-abilities`,children:W(gn,{abilities:e.abilities})}),W(`td`,{role:`cell`,class:`cell-used`,children:[W(`span`,{class:`cell-name`,children:n.tokens.lastUsed}),W(kn,{token:e})]}),W(`td`,{role:`cell`,class:`cell-strip`,children:[W(`span`,{class:`cell-name`,children:n.tokens.thirtyDays}),a===0?o:W(`details`,{class:`strip-details`,children:[W(`summary`,{children:o}),W(vn,{days:i})]})]}),W(`td`,{role:`cell`,class:`cell-ends`,children:[W(`span`,{class:`cell-name`,children:n.tokens.ends}),W(An,{token:e})]}),W(`td`,{role:`cell`,class:`cell-created`,children:[W(`span`,{class:`cell-name`,children:n.tokens.created}),W(`span`,{children:[W(bn,{at:e.createdAt}),W(`span`,{class:`beneath`,children:W($,{text:n.tokens.by,who:W(`bdi`,{children:e.mintedBy.name})})})]})]}),W(`td`,{role:`cell`,class:`cell-actions`,children:[W(X,{class:`icon-button`,label:n.tokens.historyOf(e.label),to:{view:`audit`,query:{target:e.id}},children:W(ht,{})}),r&&wn(e.state)&&W(b,{children:[W(`button`,{type:`button`,class:`button quiet`,"aria-label":n.tokens.rotateOf(e.label),onClick:()=>t({kind:`rotate`,token:e,ends:`WHEN_NEW_IS_LIVE`}),children:n.tokens.rotate}),W(`button`,{type:`button`,class:`button quiet danger`,"aria-label":n.tokens.revokeOf(e.label),onClick:()=>t({kind:`revoke`,token:e}),children:n.tokens.revoke})]})]})]}),(Tn(e)||s)&&W(`tr`,{role:`row`,class:`notes`,children:W(`td`,{role:`cell`,colSpan:7,children:[W(Dn,{token:e,open:t}),s&&W(Cn,{token:e,code:s.code,open:t})]})})]})}function Dn({token:e,open:t}){let{text:n,format:r}=K(),{mayChange:i}=q(),a=J(),o=e=>e?n.rotate.used(r.relative(new Date(e),a)):n.rotate.unused,{rotatedFrom:s,rotatedTo:c}=e;return Tn(e)?c?W(`p`,{class:`beneath rotation`,children:[W(`span`,{children:W($,{text:n.rotate.replacedBy,hint:W(`code`,{children:c.hint}),use:o(c.lastUsedAt)})}),` `,W(On,{token:e}),` `,i&&W(`button`,{type:`button`,class:`inline`,onClick:()=>t({kind:`revoke`,token:e}),children:n.rotate.endNow})]}):W(`p`,{class:`beneath rotation`,children:W(`span`,{children:W($,{text:n.rotate.replaces,hint:W(`code`,{children:s.hint}),use:o(s.lastUsedAt)})})}):null}function On({token:{revokeOld:e,rotationEndsAt:t}}){let{text:n,format:r}=K();return e?e===`MANUALLY`?W(`span`,{children:n.rotate.endsByHand}):t?W(`span`,{children:W($,{text:n.rotate.endsAt,moment:W(`time`,{dateTime:t,children:r.short(new Date(t))})})}):W(`span`,{children:n.rotate.endsLive}):null}function kn({token:e}){let{text:t}=K();return e.lastUsedAt?W(`span`,{children:[W(yn,{at:e.lastUsedAt}),e.lastUsedIp&&W(`span`,{class:`beneath`,children:W($,{text:t.tokens.from,ip:W(`bdi`,{class:`data`,children:e.lastUsedIp})})}),e.lastUsedUserAgent&&W(`span`,{class:`beneath agent`,title:e.lastUsedUserAgent,children:W(`bdi`,{class:`data`,children:e.lastUsedUserAgent})})]}):W(`span`,{children:[t.tokens.never,W(`span`,{class:`beneath`,children:t.tokens.since})]})}function An({token:e}){let{text:t,format:n}=K(),r=J();if(e.revokedAt)return W(`span`,{children:[t.states.REVOKED,W(`span`,{class:`beneath`,children:W(bn,{at:e.revokedAt})})]});if(!e.expiresAt)return W(`span`,{class:`faint`,children:t.tokens.unending});let i=new Date(e.expiresAt);return W(`span`,{class:e.state!==`EXPIRED`&&i.getTime()-r.getTime()<12096e5?`soon`:``,children:[W(bn,{at:e.expiresAt}),W(`span`,{class:`beneath`,children:W(`time`,{dateTime:e.expiresAt,children:n.relative(i,r)})})]})}var jn=200;function Mn({query:e,go:t}){let{text:n}=K(),[r,i]=B(e.q??``),a=ke(),o=H(e.q??``);return V(()=>{if(r===o.current)return;let e=setTimeout(()=>t({q:o.current=r}),jn);return()=>clearTimeout(e)},[r]),V(()=>{(e.q??``)!==o.current&&i(o.current=e.q??``)},[e.q]),W(`form`,{class:`toolbar`,role:`search`,"aria-label":n.filters.title,onSubmit:e=>e.preventDefault(),children:[W(`div`,{class:`search`,children:[W(ct,{}),W(`input`,{id:a,type:`search`,value:r,"aria-label":n.filters.search,placeholder:n.filters.search,autocomplete:`off`,spellcheck:!1,onInput:e=>i(e.currentTarget.value)})]}),W(Nn,{label:n.filters.state,value:e.state??``,onChange:e=>t({state:e}),options:[[``,n.filters.working],[`EXPIRED`,n.states.EXPIRED],[`REVOKED`,n.states.REVOKED],[`all`,n.filters.all]]}),W(Nn,{label:n.filters.mode,value:e.mode??``,onChange:e=>t({mode:e}),options:[[``,n.filters.anyMode],[`LIVE`,n.modes.LIVE],[`TEST`,n.modes.TEST]]}),W(Nn,{label:n.filters.order,value:e.order??``,onChange:e=>t({order:e}),options:[[``,n.filters.newest],[`label`,n.filters.byLabel],[`used`,n.filters.byUse]]})]})}function Nn({label:e,value:t,options:n,onChange:r}){return W(`select`,{class:`select`,"aria-label":e,value:t,onChange:e=>r(e.currentTarget.value),children:n.map(([e,t])=>W(`option`,{value:e,children:t},e))})}function Pn({query:e}){let{text:t,place:n}=K(),{mayChange:r}=q(),i=pn(rn(e,$t(J())),an(e)),a=cn(),[o,s]=B(),c=e.label||e.abilities;V(()=>{r&&c&&s({kind:`mint`,label:e.label??``,abilities:Fn(e.abilities)})},[c]);let l=H(null),u=e=>n.go({view:`tokens`,query:{...n.now().query,...e}},!0),d=()=>{s(void 0),c&&u({label:``,abilities:``})},f=r&&W(`button`,{type:`button`,class:`button primary`,onClick:()=>s({kind:`mint`,label:``,abilities:[]}),children:[W(at,{}),t.tokens.create]}),p=a===void 0?void 0:i.list,m=p?.total===0,h=m&&!on(e);return W(b,{children:[W(`header`,{class:`page-head`,children:[W(`div`,{children:[W(`h1`,{ref:l,tabIndex:-1,children:t.tokens.title}),W(`p`,{children:t.tokens.intro})]}),(p||i.error)&&!h&&f]}),a&&a.all.totalCount>0&&W(b,{children:[W(ln,{data:a}),W(un,{data:a,query:e,go:u})]}),!h&&W(Mn,{query:e,go:u}),!!i.error&&W(wt,{error:i.error,what:i.list?t.frame.lost:t.tokens.failed,retry:()=>void i.reload()}),h&&W(`div`,{class:`empty`,children:[W(`p`,{children:t.tokens.none}),f]}),m&&!h&&W(`div`,{class:`empty`,children:[W(`p`,{children:[t.filters.found(0),`. `,t.tokens.noneMatch]}),W(`button`,{type:`button`,class:`button`,onClick:()=>u({q:``,show:``,state:``,mode:``}),children:t.filters.clear})]}),p&&!m&&W(Ln,{list:p.tokens,open:s}),!p&&!i.error&&W(zn,{}),W(Rn,{list:i}),W(hn,{open:o,onClose:d,onRevoked:()=>(l.current?.focus(),void i.reload())})]})}var Fn=(e=``)=>e.toUpperCase().split(/[\s,]+/).filter(e=>Object.hasOwn(In,e)),In={READ:!0,WRITE_CONTACTS:!0,WRITE_CONVERSATIONS:!0,MANAGE_WEBHOOKS:!0,FULL_ACCESS:!0};function Ln({list:e,open:t}){let{text:n}=K();return W(`table`,{role:`table`,class:`tokens`,"aria-label":n.tokens.title,children:[W(`thead`,{role:`rowgroup`,children:W(`tr`,{role:`row`,children:[[n.tokens.token,n.tokens.abilities,n.tokens.lastUsed,n.tokens.thirtyDays,n.tokens.ends,n.tokens.created].map(e=>W(`th`,{role:`columnheader`,scope:`col`,children:e},e)),W(`th`,{role:`columnheader`,scope:`col`,children:W(`span`,{class:`hidden`,children:n.tokens.actions})})]})}),W(`tbody`,{role:`rowgroup`,children:mn(e).map(e=>W(En,{token:e,open:t},e.id))})]})}function Rn({list:e}){let{text:t,format:n}=K(),{live:r}=q();return W(`div`,{class:`list-foot`,children:[W(`p`,{role:`status`,children:e.list?t.filters.found(e.list.total):``}),e.list?.next&&W(`button`,{type:`button`,class:`button`,onClick:()=>void e.more(),children:t.general.more}),W(`p`,{class:`fresh`,children:r?t.tokens.fresh:t.tokens.stale(n.short(e.readAt))})]})}var zn=()=>W(`div`,{class:`skeleton`,"aria-hidden":`true`,children:[0,1,2].map(e=>W(`div`,{},e))}),Bn=Y(()=>Z(()=>import(`./page-qgw1xFbp.js`).then(e=>e.AuditPage),__vite__mapDeps([4,5]))),Vn=Y(()=>Z(()=>import(`./sign-in-D2u58mkv.js`).then(e=>e.SignIn),__vite__mapDeps([6,3]))),Hn=Y(()=>Z(()=>import(`./detail-CDwWJ6dW.js`).then(e=>e.TokenPage),__vite__mapDeps([7,5])));function Un({text:e,embedded:t}){if(t||location.pathname!==`/sign-in`)return;let n=new URLSearchParams(location.search),r=n.has(`code`)?`link`:n.get(`reason`)??``;return Object.hasOwn(e.signIn.reasons,r)?r:void 0}function Wn({site:e}){let[t,n]=B(`unknown`),[r,i]=B(()=>Un(e)),a=De(()=>i(void 0),[]),[o,s]=B(),c=Ee(()=>({...e,ask:(...t)=>e.ask(...t).catch(e=>{throw e instanceof le&&e.code===`UNAUTHENTICATED`&&n(`signed out`),e})}),[e]),l=De(()=>{c.ask(Ue,{}).then(({viewer:e})=>{n(e),c.embedded||Wt()},e=>n(t=>t===`unknown`?{error:e}:t))},[c]);return V(l,[l]),W(_t.Provider,{value:c,children:[t===`unknown`?W(`p`,{class:`loading`,children:c.text.general.loading}):t===`signed out`?W(Vn,{again:l,reason:r,onGone:a}):`error`in t?W(`div`,{class:`page`,children:W(wt,{error:t.error,retry:l})}):W(Gn,{viewer:t,site:c,reveal:s,end:()=>n(`signed out`),reason:r,onRead:a}),o&&W(Xt,{minted:o,onClose:()=>s(void 0)})]})}function Gn({viewer:e,site:t,reveal:n,end:r,reason:i,onRead:a}){let{place:o,text:s}=t,c=Ht(o),[l,u]=B(!0),[d,f]=B(``),p=H(new Set).current;V(()=>{let e=Ft(new Date).toISOString();return nt(`${t.origin}/graphql`,t.authorization,e,e=>{if(e.kind===`signed out`)return r();if(e.kind===`live`)return u(e.live);p.forEach(t=>t(e))})},[t]);let m=Ee(()=>({viewer:e,mayChange:e.abilities.includes(`FULL_ACCESS`),live:l,announce:f,reveal:n,onChange:e=>(p.add(e),()=>p.delete(e))}),[e,l]);return V(()=>{!t.embedded&&location.pathname===`/sign-in`&&o.go({view:`tokens`,query:{}},!0),m.mayChange&&Gt()},[]),W(vt.Provider,{value:m,children:[W(Nt,{view:c.view,onSignedOut:r,children:[i&&W(Ct,{kind:`problem`,action:W(`button`,{type:`button`,class:`button`,onClick:a,children:s.general.close}),children:[s.signIn.reasons[i],` `,s.signIn.still]}),!m.mayChange&&W(Ct,{kind:`info`,children:s.frame.member}),c.view===`audit`?W(Bn,{query:c.query}):c.query.token?W(Hn,{id:c.query.token},c.query.token):W(Pn,{query:c.query})]}),W(`p`,{class:`hidden`,role:`status`,children:d})]})}var Kn=e=>({product:`Keloa API tokens`,frame:{sections:`Sections`,tokens:`API tokens`,audit:`Audit log`,signOut:`Sign out`,language:`Nederlands`,schema:`Schema`,playground:`Playground`,skip:`Skip to the content`,member:`You can look at everything here and change nothing: in this workspace you are a member. Its admins mint, rotate and revoke.`,lost:`This may be out of date.`},signIn:{intro:`Sign in to see the API tokens of your workspace.`,link:`With a one-time link`,run:`On the machine of the server, run`,follow:`and open the link that it prints. It works once, within 15 minutes, and leads back to where you are now.`,provider:`Continue with single sign-on`,or:`or`,reasons:{link:`This sign-in link does not work. It was used, has expired or is not complete: make a new one.`,"not-member":`You belong to no workspace here, or not to the one you asked for. Have an admin add you.`,unusable:`What your identity provider says of you cannot be used. The log of the server says more.`,interrupted:`This sign-in was not begun in this browser, took too long or is over. Begin again.`,unreachable:`Your identity provider does not answer. Try again in a while.`,declined:`Your identity provider did not sign you in.`,"email-missing":`Your identity provider does not tell your e-mail address.`,"email-unverified":`Your identity provider has not verified your e-mail address.`,"role-missing":`Your identity provider gives you no role here.`,unavailable:`The server can sign nobody in at the moment. Try again in a while.`,failed:`Something went wrong on the server. Its log says more.`},still:`You are signed in as before.`},account:{workspaces:`Your workspaces`,switchFrom:e=>`${e}: switch to another workspace`,switchTo:e=>`Switch to ${e}`,go:`Switch`,here:`You are here`,roles:{ADMIN:`You are an admin`,MEMBER:`You are a member`},sessions:`Your sessions`,sessionsOf:e=>`${e}: your sessions`,intro:`Where you are signed in to this workspace. Ending a session ends its requests at once.`,ways:{LINK:`One-time link`,OIDC:`Single sign-on`,HOST:`Host application`,JWT:`Token of the host application`},began:`Began {when}`,seen:`Last seen {when}`,thisOne:`This one`,end:`End`,endOf:e=>`End the session begun ${e}`,ended:`The session has ended.`},general:{cancel:`Cancel`,close:`Close`,save:`Save`,retry:`Try again`,copy:`Copy`,copied:`Copied`,loading:`Loading…`,more:`Show more`,newer:`Newer`,older:`Older`,figures:`Figures`,back:`All API tokens`},failures:{unreachable:`The server does not answer. Check the connection and try again.`,limit:t=>e.count(t,`Your plan allows # token at a time: revoke one first.`,`Your plan allows # tokens at a time: revoke one first.`),audit:`The audit log cannot be written where it has to be, so nothing may be changed but revoked. Try again later.`,rate:`That was too often. Wait a moment and try again.`,notFound:`There is no such token any more.`,conflict:`It has changed meanwhile. Look again.`,reasons:{EMPTY:`This is needed.`,TOO_LONG:`This is too long.`,CONTROL_CHARACTERS:`There is a tab or another control character in it: take it out.`,INVISIBLE:`Nothing of it can be seen.`,HOLDS_SECRET:`There is a secret in it, which is written down with that: revoke that token, and write something else.`,MAY_BE_SECRET:`There are 32 or more letters and digits in a row in it, as in a secret: leave them out.`,IN_PAST:`Choose a moment in the future.`,NOT_HELD:`The token lacks one of these by now. Look again.`,REVOKED:`The token was revoked meanwhile.`,EXPIRED:`The token has expired meanwhile.`,ROTATED:`The token was rotated, and the new one is in use: rotate that one, or revoke this one.`,UNUSED:`It was rotated several times and none of the new secrets was ever used. Use one of them, or revoke them.`},forbidden:`You may not do this.`,internal:e=>`Something went wrong on the server. Its log says more under ${e}.`},abilities:{READ:{title:`Read`,says:`Read contacts, conversations, webhooks and API tokens.`},WRITE_CONTACTS:{title:`Write contacts`,says:`Create, change and delete contacts.`},WRITE_CONVERSATIONS:{title:`Write conversations`,says:`Send messages; open, assign and close conversations.`},MANAGE_WEBHOOKS:{title:`Manage webhooks`,says:`Create, change and delete webhook subscriptions.`},FULL_ACCESS:{title:`Full access`,says:`Everything, API tokens included. Use sparingly.`}},modes:{LIVE:`Live`,TEST:`Test`},states:{ACTIVE:`Active`,ROTATING:`Being replaced`,EXPIRED:`Expired`,REVOKED:`Revoked`},plans:{STARTER:`Starter`,GROWTH:`Growth`,BUSINESS:`Business`,SCALE:`Scale`},outcomes:{SUCCEEDED:`Done`,REFUSED:`Refused`},actors:{system:`the system`,token:`API token`},glance:{title:`At a glance`,used:(t,n,r)=>r===0?e.count(n,`# token; plan ${t} sets no limit`,`# tokens; plan ${t} sets no limit`):`${e.number(n)} of the ${e.number(r)} tokens of plan ${t}`,lastUsed:`Tokens by when they were last used`,day:`Within a day`,week:`Within a week`,month:`Within 30 days`,longer:`Longer ago`,never:`Never`,tokens:`Tokens`,picture:t=>`Tokens by when they were last used: ${e.list(t)}.`,part:(t,n)=>`${t.toLocaleLowerCase(e.locale)} ${e.number(n)}`},filters:{title:`Filters`,show:`Show`,all:`All`,idle:`Idle for 30 days`,expiring:`End within 14 days`,unending:`Never end`,fullAccess:`Full access`,search:`Search by label or hint`,state:`State`,working:`Working`,mode:`Mode`,anyMode:`Live and test`,order:`Order`,newest:`Newest first`,byLabel:`By label`,byUse:`Last used first`,found:t=>e.count(t,`# token`,`# tokens`),clear:`Show all tokens`},tokens:{title:`API tokens`,intro:`Each one lets a program call the API in the name of this workspace.`,create:`New token`,token:`Token`,abilities:`Abilities`,lastUsed:`Last used`,thirtyDays:`30 days`,ends:`Ends`,created:`Created`,actions:`Actions`,by:`by {who}`,never:`Never used`,since:`since it was minted`,unending:`Never ends`,from:`from {ip}`,fresh:`Uses show here as they happen, a few seconds late.`,stale:e=>`Not live at the moment: read at ${e}, and again every 10 seconds.`,none:`There are no API tokens yet. A token lets a program, such as your website or Zapier, call the API.`,noneMatch:`No token matches these filters.`,failed:`The tokens could not be read.`,rotate:`Rotate`,revoke:`Revoke`,rotateOf:e=>`Rotate ${e}`,revokeOf:e=>`Revoke ${e}`,historyOf:e=>`Audit log of ${e}`},strip:{requests:t=>e.count(t,`# request`,`# requests`),none:`No requests in 30 days`,picture:(t,n,r,i)=>`${e.count(t,`# request`,`# requests`)} in 30 days, on ${e.count(n,`# of them`,`# of them`)}; the most on ${r}: ${e.number(i)}.`,day:`Day`,count:`Requests`},mint:{title:`New API token`,label:`Label`,labelHelp:`What uses it, and where. People see it in lists and in the audit log.`,mode:`Mode`,modeHelp:{LIVE:`Works on real data.`,TEST:`Sees and touches test data only.`},abilities:`Abilities`,abilitiesHelp:`Grant what it needs and no more. Later they can be taken away, not added.`,lacking:`What you lack yourself is not offered.`,implied:`Included in full access`,sure:`This token can do everything, mint and revoke tokens included. I have checked that nothing less will do.`,needsSure:`Confirm that nothing less will do.`,needsAbility:`Choose at least one ability.`,needsLabel:`Give it a label.`,needsDate:`Choose a day in the future.`,ends:`Ends`,days:t=>e.count(t,`In # day`,`In # days`),year:`In a year`,custom:`On a day of your choice`,day:`Last day`,unending:`Never`,endsAt:`It ends on {moment}.`,unendingWarning:`It works until someone revokes it. A token that ends limits what a leak can do.`,submit:`Mint token`,busy:`Minting…`,lost:`The token was minted, but its secret was lost on the way here and cannot be shown again. Revoke it, and mint another.`},secret:{title:e=>`The secret of ${e}`,once:`This is the only time that the secret is shown. Copy it now to where the program reads it from.`,secret:`Secret`,copy:`Copy secret`,copied:`Copied to the clipboard.`,refused:`The browser did not allow copying. The secret is selected: press Ctrl+C, or ⌘C on a Mac.`,stored:`I have stored it`,guard:`Copy the secret, or confirm that you have stored it. It cannot be shown again.`,done:`Done`,use:`Use it`,useHelp:`Keep the secret out of the program: set KELOA_TOKEN in its environment.`,playground:`Open in playground`},rotate:{title:e=>`Rotate ${e}`,intro:`A new secret with the same label, abilities and end.`,ends:`The old secret ends`,whenLive:`When the new one is first used`,whenLiveHelp:`No request fails: the old secret works until the new one does.`,deadline:`At the latest`,noDeadline:`No deadline`,hours:t=>e.count(t,`In # hour`,`In # hours`),now:`Now`,nowHelp:`For a secret that has leaked. Requests with it fail at once.`,manually:`When I say so`,manuallyHelp:`Both work until you end the old one.`,submit:`Rotate`,busy:`Rotating…`,replacedBy:`Replaced by {hint}, {use}.`,replaces:`Replaces {hint}, {use}.`,used:e=>`last used ${e}`,unused:`not used yet`,endsLive:`It ends when the new one is first used.`,endsAt:`It ends when the new one is first used, at the latest on {moment}.`,endsByHand:`It ends only by hand.`,endNow:`End now`},revoke:{title:e=>`Revoke ${e}?`,warning:`Requests with this token fail at once. This cannot be undone.`,hint:`Hint`,lastUsed:`Last used`,requests:`Requests in 30 days`,reason:`Reason, for the audit log`,optional:`optional`,submit:`Revoke token`,busy:`Revoking…`,done:e=>`${e} was revoked.`,cancelled:t=>e.count(t,`# request under way was cut off.`,`# requests under way were cut off.`)},edit:{open:`Edit`,title:e=>`Edit ${e}`,narrow:`Abilities can be taken away, not added.`,done:e=>`${e} was saved.`},detail:{facts:`About`,mintedBy:`Minted by`,requests:`Requests in 30 days`,uses:`Use of each ability`,usesHelp:`What a token does not use it need not have.`,ability:`Ability`,unused:`never used`,advice:`Advice`,history:`Latest entries`,wholeHistory:`All entries of this token`,noHistory:`Nothing was recorded of this token.`,revoked:`Revoked {when} by {who}.`,because:`Reason: {reason}`,missing:`There is no such token in this workspace.`,zone:`Days are those of your time zone.`},advice:{UNUSED_ABILITY:t=>`It has never used ${e.list(t)}.`,NEVER_USED:`It has never been used.`,STALE:`It has not been used for a long time.`,MINTER_LEFT:`Whoever minted it has left the workspace.`,FULL_ACCESS_UNNEEDED:`It has full access and uses less.`,SHARED_BY_CONSUMERS:`Several programs use it. With a token each, one can be revoked alone.`,EXPOSED:`Its secret was seen in a URL or in a browser.`,EXPIRES_SOON:`It ends soon.`,narrow:`Take away`},audit:{title:`Audit log`,intro:`Everything that was done with API tokens, and what was refused. Entries are never changed or deleted.`,export:`Export CSV`,when:`When`,who:`Who`,what:`What`,which:`Concerns`,where:`IP address`,changes:`Changes`,action:`Action`,anyAction:`Every action`,outcome:`Outcome`,anyOutcome:`Done and refused`,since:`From`,until:`To`,ofToken:`Of the token {label}`,ofActor:`By {name}`,clear:`Show all entries`,none:`Nothing has been recorded yet.`,noneMatch:`No entry matches these filters.`,failed:`The audit log could not be read.`,actions:{"developers.api_token.mint":`Minted`,"developers.api_token.rotate":`Rotated`,"developers.api_token.revoke":`Revoked`,"developers.api_token.update":`Changed`,"developers.api_token.expire":`Ended by itself`,"developers.api_token.refuse":`Caller refused`,"developers.api_token.expose":`Secret exposed`,"operator.sign_in":`Signed in`,"operator.sign_out":`Signed out`,"operator.add":`Operator added`,"operator.remove":`Operator removed`,"workspace.plan":`Plan changed`,"audit_log.restore":`Audit log restored`}}}),qn=[[`year`,31536e3,2],[`month`,2592e3,3],[`day`,86400,1],[`hour`,3600,1],[`minute`,60,1]];function Jn(e){let t=new Intl.NumberFormat(e),n=new Intl.PluralRules(e),r=new Intl.ListFormat(e,{type:`conjunction`}),i=new Intl.DateTimeFormat(e,{dateStyle:`medium`}),a=new Intl.DateTimeFormat(e,{weekday:`long`,day:`numeric`,month:`long`,year:`numeric`,hour:`numeric`,minute:`2-digit`,second:`2-digit`,timeZoneName:`short`}),o=new Intl.DateTimeFormat(e,{dateStyle:`medium`,timeStyle:`short`}),s=new Intl.RelativeTimeFormat(e,{numeric:`auto`});return{locale:e,number:e=>t.format(e),count:(e,r,i)=>(n.select(e)===`one`?r:i).replace(`#`,t.format(e)),list:e=>r.format(e),date:e=>i.format(e),moment:e=>a.format(e),short:e=>o.format(e),relative:(e,t)=>{let n=(e.getTime()-t.getTime())/1e3;for(let[e,t,r]of qn)if(Math.abs(n)>=t*r)return s.format(Math.trunc(n/t),e);return s.format(0,`second`)}}}var Yn=`abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ`,Xn=`áƀçđéƒǵĥíĵķłḿńóƥɋŕšťúṽŵẋýžÁƁÇĐÉƑǴĤÍĴĶŁḾŃÓƤɊŔŠŤÚṼŴẊÝŽ`,Zn=e=>e.split(/(\{\w+\})/).map((e,t)=>t%2?e:e.replace(/[a-z]/gi,e=>Xn[Yn.indexOf(e)]??e)).join(``);function Qn(e){let t=e=>typeof e==`string`?`[${Zn(e)}${`~`.repeat(Math.ceil(e.length/4))}]`:typeof e==`function`?(...n)=>t(e(...n)):Object.fromEntries(Object.entries(e).map(([e,n])=>[e,t(n)]));return t(e)}async function $n(e){for(let t of e){if(t===`en-XA`||t===`ar-XB`)return{text:Qn(Kn(Jn(`en`))),format:Jn(`en`),direction:t===`ar-XB`?`rtl`:`ltr`};if(/^nl\b/i.test(t)){let e=Jn(t);return{text:(await Z(async()=>{let{dutch:e}=await import(`./nl-DFveQ4E7.js`);return{dutch:e}},[])).dutch(e),format:e,direction:`ltr`}}if(/^en\b/i.test(t))break}let t=Jn(e.find(e=>/^en\b/i.test(e))??`en-GB`);return{text:Kn(t),format:t,direction:`ltr`}}var er=await $n([Bt(),...navigator.languages]);document.documentElement.lang=er.format.locale,document.documentElement.dir=er.direction;var tr=()=>Promise.resolve(void 0);N(W(Wn,{site:{...er,ask:de(`/graphql`,tr),authorization:tr,place:Vt(),origin:location.origin,embedded:!1}}),document.getElementById(`app`));export{ot as A,Ke as B,J as C,ut as D,bt as E,Be as F,ke as G,Re as H,qe as I,le as J,H as K,Xe as L,gt as M,W as N,st as O,Ve as P,Je as R,xt as S,K as T,V as U,Ye as V,Te as W,b as X,ue as Y,X as _,Cn as a,St as b,vn as c,gn as d,hn as f,Lt as g,Ft as h,Dn as i,pt as j,lt as k,_n as l,It as m,An as n,bn as o,Ut as p,B as q,kn as r,yn as s,Nn as t,$ as u,wt as v,q as w,yt as x,Ct as y,ze as z};