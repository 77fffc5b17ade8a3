import{M as e,c as t,u as n,x as r}from"./notice-CT70AY5p.js";var i=class extends String{__apiType;value;__meta__;constructor(e,t){super(e),this.value=e,this.__meta__=t}toString(){return this.value}};new i(`
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
    `,{fragmentName:`AuditRow`}),new i(`
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
    `,{fragmentName:`TokenRow`});var a=new i(`
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
}`),o=new i(`
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
    `),s=new i(`
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
    `),c=new i(`
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
}`),l=new i(`
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
    `),u=new i(`
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
}`),d=new i(`
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
    `),f=new i(`
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
    `),p=new i(`
    mutation Update($input: UpdateTokenInput!) {
  updateToken(input: $input) {
    token {
      id
      label
    }
  }
}
    `),m=new i(`
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
    `),h=new i(`
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
}`);function g({to:e,current:t,label:i,children:a,...o}){let{place:s}=n();return r(`a`,{...o,href:s.href(e),"aria-current":t?`page`:void 0,"aria-label":i,title:i,onClick:t=>{t.ctrlKey||t.metaKey||t.shiftKey||t.button!==0||(t.preventDefault(),s.go(e))},children:a})}function _({text:t,...n}){return r(e,{children:t.split(/\{(\w+)\}/).map((e,t)=>t%2?n[e]:e)})}function v({at:e}){let{format:i}=n(),a=t(),o=new Date(e);return r(`span`,{class:`when`,tabIndex:0,onKeyDown:e=>e.key===`Escape`&&e.currentTarget.blur(),children:[r(`time`,{dateTime:e,children:i.relative(o,a)}),r(`time`,{class:`tip`,dateTime:e,children:i.moment(o)})]})}function y({at:e}){let{format:t}=n();return r(`time`,{dateTime:e,children:t.date(new Date(e))})}export{a,o as c,s as d,u as f,h,g as i,m as l,p as m,v as n,l as o,c as p,_ as r,d as s,y as t,f as u};