import type { Fetcher, FetcherParams, FetcherResult } from '@graphiql/toolkit'
import { type DocumentNode, getOperationAST, parse } from 'graphql'
import { createClient } from 'graphql-sse'
import { credentials, refused } from './identity'

const url = '/graphql'

// fetcher sends an operation as whoever the playground asks as. The schema is
// public: it is asked for by nobody, so that it is there whatever else is refused.
export const fetcher: Fetcher = (params, options) => {
  if (params.operationName === 'IntrospectionQuery') {
    return post(params, { headers: {}, credentials: 'omit' })
  }
  return isSubscription(params, options?.documentAST) ? follow(params) : post(params, credentials())
}

function isSubscription(params: FetcherParams, document = parsed(params.query)) {
  return document && getOperationAST(document, params.operationName)?.operation === 'subscription'
}

function parsed(query: string): DocumentNode | undefined {
  try {
    return parse(query)
  } catch {
    return // the server says what is wrong
  }
}

async function post(params: FetcherParams, as: ReturnType<typeof credentials>): Promise<any> {
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
  if (response.status === 401 && as.credentials !== 'omit' || as.headers.Authorization && response.status === 401) refused()
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
    if (response.status === 401) refused()
    yield await response.json()
  } finally {
    client.dispose()
  }
}
