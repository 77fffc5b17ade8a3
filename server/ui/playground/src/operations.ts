// What the tabs hold at first: the operations that integrators need first, with
// their variables filled in.

interface Operation {
  query: string
  variables?: Record<string, unknown>
}

const day = 24 * 60 * 60 * 1000

const operations = (now: number): Operation[] => [
  {
    query: `# The tokens that still work, those used last first.
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
`,
    variables: { first: 20 },
  },
  {
    query: `# Only what was used since you last asked, which is cheap.
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
`,
    variables: { since: new Date(now - day).toISOString() },
  },
  {
    query: `# 1. Mint a token that works on test data only. Its secret
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
`,
    variables: {
      input: { label: 'playground', abilities: ['READ'], mode: 'TEST', expiresAt: new Date(now + day).toISOString() },
      id: '',
    },
  },
  {
    query: `# Tokens as they are used, within seconds, until you stop.
subscription FollowUse {
  apiTokenUsed {
    label
    mode
    lastUsedAt
    lastUsedIp
    lastUsedUserAgent
  }
}
`,
  },
  {
    query: `# The audit log, the newest entries first. Run it again
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
`,
    variables: { first: 10, after: null, filter: {} },
  },
]

export const tabs = () =>
  operations(Date.now()).map(({ query, variables }) => ({
    query,
    variables: variables ? JSON.stringify(variables, null, 2) : '',
  }))

// carried is what the answer to one of the operations fills into the variables.
export function carried(operationName: string, data: any): Record<string, unknown> | undefined {
  switch (operationName) {
    case 'MintToken':
      return data.mintToken && { id: data.mintToken.token.id }
    case 'AuditLog': {
      const page = data.auditEntries?.pageInfo
      return page && { after: page.hasNextPage ? page.endCursor : null }
    }
  }
  return
}
