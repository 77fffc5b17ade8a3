import{N as e,S as t,c as n,u as r}from"./notice-BOoGgQ0p.js";var i=class extends String{__apiType;value;__meta__;constructor(e,t){super(e),this.value=e,this.__meta__=t}toString(){return this.value}};new i(`
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
  revokeOld
  rotationEndsAt
  revokedAt
}
    `,{fragmentName:`TokenRow`});var a=new i(`
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
    `),o=new i(`
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
    `),s=new i(`
    mutation EndSession($input: EndSessionInput!) {
  endSession(input: $input) {
    receipt {
      requestsCancelled
    }
  }
}
    `),c=new i(`
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
}`),l=new i(`
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
    `),u=new i(`
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
    `),d=new i(`
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
}`),f=new i(`
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
    `),p=new i(`
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
}`),m=new i(`
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
    `),h=new i(`
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
    `),g=new i(`
    mutation Update($input: UpdateTokenInput!) {
  updateToken(input: $input) {
    token {
      id
      label
    }
  }
}
    `),_=new i(`
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
    `),v=new i(`
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
}`);function y({text:n,...r}){return t(e,{children:n.split(/\{(\w+)\}/).map((e,t)=>t%2?r[e]:e)})}function b({at:e}){let{format:i}=r(),a=n(),o=new Date(e);return t(`span`,{class:`when`,tabIndex:0,onKeyDown:e=>e.key===`Escape`&&e.currentTarget.blur(),children:[t(`time`,{dateTime:e,children:i.relative(o,a)}),t(`time`,{class:`tip`,dateTime:e,children:i.moment(o)})]})}function x({at:e}){let{format:n}=r();return t(`time`,{dateTime:e,children:n.date(new Date(e))})}export{a as _,s as a,l as c,u as d,o as f,v as g,g as h,c as i,_ as l,d as m,b as n,f as o,p,y as r,m as s,x as t,h as u};