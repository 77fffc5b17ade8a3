import type { TypedDocumentString } from './schema'

// Ask sends one operation. It throws an ApiError for what the API refuses, and an
// Unreachable where no answer came.
export type Ask = <R, V>(document: TypedDocumentString<R, V>, variables: V, signal?: AbortSignal) => Promise<R>

interface Extensions { code?: string; field?: string; reason?: string; limit?: number; requestId?: string }

// ApiError is the first error of an answer.
export class ApiError extends Error {
  readonly code: string
  // The input field that is wrong, such as "label"; empty unless one is known.
  readonly field: string
  // What is wrong with it, such as "TOO_LONG"; empty unless that is known.
  readonly reason: string
  // How many tokens the plan allows, where it allows no more.
  readonly limit: number
  readonly requestId: string

  constructor(message: string, { code = 'INTERNAL', field = '', reason = '', limit = 0, requestId = '' }: Extensions = {}) {
    super(message)
    this.code = code
    this.field = field
    this.reason = reason
    this.limit = limit
    this.requestId = requestId
  }
}

// Unreachable means that the server gave no answer, or none of its own.
export class Unreachable extends Error {}

// Authorization is what an operation comes with in the header of that name;
// undefined for the session cookie of our own pages.
export type Authorization = () => Promise<string | undefined>

interface Answer<R> {
  data?: R | null
  errors?: { message: string; extensions?: Extensions }[]
}

// newAsk returns what asks the GraphQL endpoint.
export function newAsk(endpoint: string, authorization: Authorization): Ask {
  return async (document, variables, signal) => {
    const answer = await post(endpoint, await authorization(), { query: document.toString(), variables }, signal)
    const [error] = answer.errors ?? []
    if (error) throw new ApiError(error.message, error.extensions)
    return answer.data as never
  }
}

async function post(endpoint: string, authorization: string | undefined, body: unknown, signal?: AbortSignal): Promise<Answer<unknown>> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' }
  if (authorization) headers.Authorization = authorization
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      cache: 'no-store', // a secret may be in the answer
      signal: signal ?? null,
    })
    return (await response.json()) as Answer<unknown>
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Unreachable()
  }
}
