import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer'
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react'
import { GraphiQL } from 'graphiql'
import { useEffect } from 'react'
import { fetcher } from './fetcher'
import { carried, tabs } from './operations'
import { Who } from './Who'

// The documentation stands beside the editors where there is room for it.
const wide = matchMedia('(min-width: 75rem)').matches
const noPlugins: never[] = []
const operations = tabs()

// Playground is the whole page. It keeps nothing when it is closed.
export function Playground() {
  return (
    <>
      <Who />
      <main aria-label="GraphQL editor">
        <GraphiQL
          fetcher={fetcher}
          defaultTabs={operations}
          initialVariables={operations[0]!.variables}
          defaultEditorToolsVisibility="variables"
          isHeadersEditorEnabled={false}
          inputValueDeprecation
          plugins={noPlugins}
          schemaDescription
          shouldPersistHeaders={false}
          showPersistHeadersSettings={false}
          storage={null as never}
          visiblePlugin={wide ? DOC_EXPLORER_PLUGIN : undefined}
        >
          <GraphiQL.Logo> </GraphiQL.Logo>
          <Carry />
          <Wrap />
          <FollowScheme />
        </GraphiQL>
      </main>
    </>
  )
}

// Carry fills what the next run needs into the variables, from each answer.
function Carry() {
  const response = useGraphiQL((state) => state.responseEditor)
  const variables = useGraphiQL((state) => state.variableEditor)
  const operationName = useGraphiQL((state) => state.operationName)
  const isFetching = useGraphiQL((state) => state.isFetching)
  useEffect(() => {
    if (isFetching || !response || !variables || !operationName) return
    try {
      const filled = carried(operationName, JSON.parse(response.getValue()).data)
      if (filled) variables.setValue(JSON.stringify({ ...JSON.parse(variables.getValue()), ...filled }, null, 2))
    } catch {
      return // there is no answer, or the variables are being written
    }
  }, [isFetching, response, variables, operationName])
  return null
}

// Wrap breaks long lines of an operation, so that the comments can be read.
function Wrap() {
  const query = useGraphiQL((state) => state.queryEditor)
  useEffect(() => query?.updateOptions({ wordWrap: 'on' }), [query])
  return null
}

// FollowScheme has the editors follow the system between light and dark while the
// page is open, unless one of them was chosen.
function FollowScheme() {
  const theme = useGraphiQL((state) => state.theme)
  const { setTheme } = useGraphiQLActions()
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const follow = () => setTheme(theme)
    dark.addEventListener('change', follow)
    return () => dark.removeEventListener('change', follow)
  }, [theme, setTheme])
  return null
}
