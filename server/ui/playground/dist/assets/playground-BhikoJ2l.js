import{r as e}from"./rolldown-runtime-XKyaHtl9.js";import{$n as t,er as n,n as r,nr as i,o as a,r as o,rr as s,s as c,t as l,tr as u}from"./graphiql-C7CA6k7K.js";var d=class extends HTMLElement{sheet=new CSSStyleSheet;connectedCallback(){document.adoptedStyleSheets.push(this.sheet)}disconnectedCallback(){document.adoptedStyleSheets=document.adoptedStyleSheets.filter(e=>e!==this.sheet)}get textContent(){return Array.from(this.sheet.cssRules,e=>e.cssText).join(`
`)}set textContent(e){this.sheet.replaceSync(e??``)}get innerHTML(){return this.textContent}set innerHTML(e){this.textContent=e}appendChild(e){return this.textContent+=e.textContent??``,e}};customElements.define(`constructed-style`,d);var f=Document.prototype.createElement;Document.prototype.createElement=function(e,t){return f.call(this,e.toLowerCase()===`style`?`constructed-style`:e,t)};function p(e,t,n){if(!/ style=/.test(t))return n(t);n(t.replaceAll(` style=`,` data-strict-style=`));for(let t of e?.querySelectorAll(`[data-strict-style]`)??[])t.style.cssText=t.dataset.strictStyle??``,delete t.dataset.strictStyle}var m=Object.getOwnPropertyDescriptor(Element.prototype,`innerHTML`);Object.defineProperty(Element.prototype,"innerHTML",{...m,set(e){p(this,`${e}`,e=>m.set.call(this,e))}});var h=Element.prototype.insertAdjacentHTML;Element.prototype.insertAdjacentHTML=function(e,t){p(e===`beforebegin`||e===`afterend`?this.parentElement:this,`${t}`,t=>h.call(this,e,t))};var g=Element.prototype.setAttribute;Element.prototype.setAttribute=function(e,t){e===`style`&&this instanceof HTMLElement?this.style.cssText=t:g.call(this,e,t)};function _(e){return new Worker(`/assets/editor.worker-DEFT_Yb2.js`,{type:`module`,name:e?.name})}function v(e){return new Worker(`/assets/json.worker-ky6CAS4V.js`,{type:`module`,name:e?.name})}function y(e){return new Worker(`/assets/graphql.worker-CnQW6F4w.js`,{type:`module`,name:e?.name})}function b(e,t){switch(t){case`json`:return new v;case`graphql`:return new y}return new _}Object.assign(globalThis,{MonacoEnvironment:{getWorker:b}});var x=i(),S=`keloa: the playground is ready`;function C(e){let t=window.opener;t&&(addEventListener(`message`,n=>{n.origin===location.origin&&n.source===t&&typeof n.data?.secret==`string`&&e(n.data.secret)}),t.postMessage(S,location.origin))}var w=`query WhoAmI {
  viewer { actor { kind name } workspace { slug name } abilities token { label hint mode expiresAt } }
}`,T=/^keloa_[a-z_]+_[0-9A-Za-z]{32}$/,E,D={is:`unknown`},O=new Set;function k(e){D=e;for(let e of O)e()}var A=()=>D;function j(e){return O.add(e),()=>void O.delete(e)}function M(e=E){return e===void 0?{headers:{},credentials:`same-origin`}:{headers:{Authorization:`Bearer ${e}`},credentials:`omit`}}async function N(e){let t=M(e),n=await fetch(`/graphql`,{method:`POST`,cache:`no-store`,credentials:t.credentials,headers:{...t.headers,"Content-Type":`application/json`,Accept:`application/json`},body:JSON.stringify({query:w})});if(n.status===401)return null;let{data:r,errors:i}=await n.json();if(i)throw Error(i[0].message);return r.viewer}async function P(e){let t=e.trim();if(!T.test(t))return`This is not a whole secret: it begins with keloa_pk_live_ or keloa_pk_test_, and 32 characters follow.`;try{let e=await N(t);if(!e)return`The server does not accept this secret: it is not known here, expired or revoked.`;E=t,k({is:`someone`,viewer:e,byToken:!0})}catch(e){return`The server did not say whose this is: ${e.message}.`}}async function F(){E=void 0,k({is:`unknown`});let e=await N(void 0).catch(()=>null);E===void 0&&k(e?{is:`someone`,viewer:e,byToken:!1}:{is:`nobody`})}function I(e){let t=M();e.headers.Authorization===t.headers.Authorization&&e.credentials===t.credentials&&D.is===`someone`&&k({...D,is:`ended`})}var L=e(s(),1),R=`/graphql`,z=e=>{if(e.operationName===`IntrospectionQuery`)return V(e,{headers:{},credentials:`omit`});let t=B(e),n={...e,operationName:t?.name?.value};return t?.operation===`subscription`?H(n):V(n,M())};function B({query:e,operationName:r}){try{let i=n(e);return t(i,r)??t(i)}catch{return}}async function V(e,t){let n=await fetch(R,{method:`POST`,cache:`no-store`,credentials:t.credentials,headers:{...t.headers,"Content-Type":`application/json`,Accept:`application/graphql-response+json, application/json;q=0.9`},body:JSON.stringify(e)});return n.status===401&&I(t),n.json()}async function*H(e){let t=M(),n=l({url:R,headers:t.headers,credentials:t.credentials,retryAttempts:0});try{yield*n.iterate(e)}catch(e){let n=e.response;if(!n)throw e;n.status===401&&I(t),yield await n.json()}finally{n.dispose()}}var U=864e5,W=e=>[{query:`# The tokens that still work, those used last first.
# Ctrl-Enter runs it.
query ListTokens($first: Int!) {
  apiTokens(first: $first, orderBy: { field: LAST_USED_AT }) {
    nodes {
      id
      label
      hint
      mode
      abilities
      expiresAt
      lastUsedAt
      lastUsedIp
      lastUsedUserAgent
      abilityUsage {
        ability
        lastUsedAt
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,variables:{first:20}},{query:`# Only what was used since you last asked, which is cheap.
# Next time, "since" is the newest lastUsedAt, less a minute.
query UsedSince($since: Time!) {
  apiTokens(
    first: 100
    filter: { lastUsedSince: $since }
    orderBy: { field: LAST_USED_AT }
  ) {
    nodes {
      id
      label
      lastUsedAt
      lastUsedIp
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,variables:{since:new Date(e-U).toISOString()}},{query:`# 1. Mint a token that works on test data only. Its secret
#    is in this answer and nowhere else, ever.
mutation MintToken($input: MintTokenInput!) {
  mintToken(input: $input) {
    token {
      id
      label
      hint
      mode
      abilities
      expiresAt
    }
    secret
  }
}

# 2. Revoke it: "id" has been filled in. Once this answers,
#    no server accepts the token any more.
mutation RevokeToken($id: ID!) {
  revokeToken(input: { id: $id, reason: "tried in the playground" }) {
    token {
      label
      state
      revokedAt
    }
    receipt {
      effectiveAt
      serversConfirmed
      requestsCancelled
    }
  }
}
`,variables:{input:{label:`playground`,abilities:[`READ`],mode:`TEST`,expiresAt:new Date(e+U).toISOString()},id:``}},{query:`# Tokens as they are used, within seconds, until you stop.
subscription FollowUse {
  apiTokenUsed {
    label
    mode
    lastUsedAt
    lastUsedIp
    lastUsedUserAgent
  }
}
`},{query:`# The audit log, the newest entries first. Run it again
# for the next page: "after" is filled in.
query AuditLog($first: Int!, $after: Cursor, $filter: AuditEntryFilter) {
  auditEntries(first: $first, after: $after, filter: $filter) {
    nodes {
      sequence
      at
      actor {
        kind
        name
      }
      action
      outcome
      targetLabel
      ip
      changes
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,variables:{first:10,after:null,filter:{}}}],G=()=>W(Date.now()).map(({query:e,variables:t})=>({query:e,variables:t?JSON.stringify(t,null,2):``}));function K(e,t){switch(e){case`MintToken`:return t.mintToken&&{id:t.mintToken.token.id};case`AuditLog`:{let e=t.auditEntries?.pageInfo;return e&&{after:e.hasNextPage?e.endCursor:null}}}}var q=u();function J(){let e=(0,L.useSyncExternalStore)(j,A),t=(0,L.useRef)(null),n=(e.is===`someone`||e.is===`ended`)&&e.byToken;return(0,q.jsxs)(`header`,{className:`who`,children:[(0,q.jsx)(`h1`,{children:`Keloa API`}),(0,q.jsx)(`p`,{role:`status`,className:`who-is`,children:(0,q.jsx)(Y,{identity:e})}),n&&(0,q.jsx)(`button`,{type:`button`,onClick:()=>void F(),children:`Forget token`}),(0,q.jsx)(`button`,{type:`button`,className:`primary`,onClick:()=>t.current?.showModal(),children:n?`Use another`:`Authenticate`}),(0,q.jsx)(X,{dialog:t})]})}function Y({identity:e}){switch(e.is){case`unknown`:return null;case`nobody`:return(0,q.jsx)(q.Fragment,{children:`Not signed in: the schema is here to read. Authenticate to run operations.`});case`ended`:return(0,q.jsxs)(`strong`,{children:[(0,q.jsx)(`bdi`,{children:e.viewer.actor.name}),` `,e.byToken?`is no longer accepted: the token was revoked or has expired.`:`is no longer signed in.`]})}let{actor:t,workspace:n,abilities:r,token:i}=e.viewer;return(0,q.jsxs)(q.Fragment,{children:[i?`Token `:`Signed in as `,(0,q.jsx)(`strong`,{children:(0,q.jsx)(`bdi`,{children:i?.label??t.name})}),` `,i&&(0,q.jsxs)(q.Fragment,{children:[(0,q.jsx)(`code`,{children:i.hint}),` `,(0,q.jsx)(`span`,{className:`mode ${i.mode.toLowerCase()}`,children:i.mode}),` `]}),`in `,(0,q.jsx)(`bdi`,{children:n.name}),(0,q.jsx)(`span`,{className:`abilities`,"aria-label":`Abilities`,children:r.map(e=>(0,q.jsx)(`span`,{children:e},e))})]})}function X({dialog:e}){let t=(0,L.useRef)(null),[n,r]=(0,L.useState)(),[i,a]=(0,L.useState)(!1);async function o(n){n.preventDefault(),a(!0);let i=await P(t.current.value);a(!1),r(i),i?t.current.focus():e.current.close()}function s(){t.current.value=``,r(void 0)}return(0,q.jsx)(`dialog`,{ref:e,className:`authenticate`,"aria-labelledby":`authenticate-title`,onClose:s,children:(0,q.jsxs)(`form`,{onSubmit:e=>void o(e),noValidate:!0,children:[(0,q.jsx)(`h2`,{id:`authenticate-title`,children:`Authenticate`}),(0,q.jsx)(`p`,{children:`Paste the secret of an API token. A test-mode token is the one to try things out with: it sees and touches test-mode tokens only. The secret stays in the memory of this page, and is gone when you close or reload it.`}),(0,q.jsx)(`label`,{htmlFor:`secret`,children:`Secret`}),(0,q.jsx)(`input`,{ref:t,id:`secret`,type:`password`,autoComplete:`one-time-code`,autoCapitalize:`off`,spellCheck:!1,placeholder:`keloa_pk_test_…`,"aria-invalid":n!==void 0,"aria-describedby":`secret-error`}),(0,q.jsx)(`p`,{id:`secret-error`,className:`error`,role:`alert`,children:n}),(0,q.jsxs)(`div`,{className:`actions`,children:[(0,q.jsx)(`button`,{type:`button`,onClick:()=>e.current.close(),children:`Cancel`}),(0,q.jsx)(`button`,{type:`submit`,className:`primary`,disabled:i,children:`Use this token`})]})]})})}var Z=matchMedia(`(min-width: 75rem)`).matches,Q=[],$=G();function ee(){return(0,q.jsxs)(q.Fragment,{children:[(0,q.jsx)(J,{}),(0,q.jsx)(`main`,{"aria-label":`GraphQL editor`,children:(0,q.jsxs)(r,{fetcher:z,defaultTabs:$,initialVariables:$[0].variables,defaultEditorToolsVisibility:`variables`,isHeadersEditorEnabled:!1,inputValueDeprecation:!0,plugins:Q,schemaDescription:!0,shouldPersistHeaders:!1,showPersistHeadersSettings:!1,storage:null,visiblePlugin:Z?o:void 0,children:[(0,q.jsx)(r.Logo,{children:` `}),(0,q.jsx)(te,{}),(0,q.jsx)(ne,{}),(0,q.jsx)(re,{})]})})]})}function te(){let e=a(e=>e.responseEditor),t=a(e=>e.variableEditor),n=a(e=>e.operationName),r=a(e=>e.isFetching);return(0,L.useEffect)(()=>{if(!r&&e&&t&&n)try{let r=K(n,JSON.parse(e.getValue()).data);r&&t.setValue(JSON.stringify({...JSON.parse(t.getValue()),...r},null,2))}catch{return}},[r,e,t,n]),null}function ne(){let e=a(e=>e.queryEditor);return(0,L.useEffect)(()=>e?.updateOptions({wordWrap:`on`}),[e]),null}function re(){let e=a(e=>e.theme),{setTheme:t}=c();return(0,L.useEffect)(()=>{let n=matchMedia(`(prefers-color-scheme: dark)`),r=()=>t(e);return n.addEventListener(`change`,r),()=>n.removeEventListener(`change`,r)},[e,t]),null}F(),C(e=>void P(e)),(0,x.createRoot)(document.getElementById(`app`)).render((0,q.jsx)(ee,{}));