// Where Monaco finds its workers: in files of their own, on our own origin.
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker.js?worker'
import JSONWorker from 'monaco-editor/esm/vs/language/json/json.worker.js?worker'
import GraphQLWorker from 'monaco-graphql/esm/graphql.worker.js?worker'

function getWorker(_id: string, label: string): Worker {
  switch (label) {
    case 'json':
      return new JSONWorker()
    case 'graphql':
      return new GraphQLWorker()
  }
  return new EditorWorker()
}

Object.assign(globalThis, { MonacoEnvironment: { getWorker } })
