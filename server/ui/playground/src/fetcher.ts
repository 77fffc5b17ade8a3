import type { Fetcher, FetcherParams, FetcherResult } from '@graphiql/toolkit'
import { getOperationAST, parse } from 'graphql'
import { createClient } from 'graphql-sse'
import { type Credentials, credentials, refused } from './identity'

const url = '/graphql'

// fetcher sends an operation as whoever the playground asks as. The schema is
// public: it is asked for by nobody, so that it is there whatever else is refused.
export const fetcher: Fetcher = (params) => {
  if (params.operationName === 'IntrospectionQuery') {
    return post(params, { headers: {}, credentials: 'omit' })
  }
  const operation = operationOf(params)
  const named = { ...params, operationName: operation?.name?.value }
  return operation?.operation === 'subscription' ? follow(named) : post(named, credentials())
}

// operationOf is the operation that is meant. Just after another tab was chosen,
// GraphiQL still says the name of one in the tab before.
function operationOf({ query, operationName }: FetcherParams) {
  try {
    const document = parse(query)
    return getOperationAST(document, operationName) ?? getOperationAST(document)
  } catch {
    return // the server says what is wrong
  }
}

async function post(params: FetcherParams, as: Credentials): Promise<any> {
  const response = await fetch(url, {
    method: 'POST',
    cache: 'no-store',
    credentials: as.credentials,
    headers: {
      ...as.headers,
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json, application/json;q=0.9',
    },
    body: JSON.stringify(params),
  })
  if (response.status === 401) refused(as)
  return response.json()
}

// follow yields the answers to a subscription as they come.
async function* follow(params: FetcherParams): AsyncGenerator<FetcherResult> {
  const as = credentials()
  const client = createClient({ url, headers: as.headers, credentials: as.credentials, retryAttempts: 0 })
  try {
    yield* client.iterate(params as never) as AsyncIterableIterator<FetcherResult>
  } catch (error) {
    // What is refused before it is followed is answered as everything else is.
    const response = (error as { response?: Response }).response
    if (!response) throw error
    if (response.status === 401) refused(as)
    yield await response.json()
  } finally {
    client.dispose()
  }
}
