// Prints what the audits of graphql-http find at the URL given: one JSON object
// a line. The last line is the introspection query of GraphiQL, built into a
// schema as GraphiQL does.
import { buildClientSchema, getIntrospectionQuery } from 'graphql';
import { serverAudits } from 'graphql-http';

const url = process.argv[2];
const print = (result) => console.log(JSON.stringify(result));

for (const audit of serverAudits({ url })) {
  const { status, reason } = await audit.fn();
  print({ name: `${audit.id} ${audit.name}`, ok: status === 'ok', reason });
}

const query = getIntrospectionQuery({
  schemaDescription: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  inputValueDeprecation: true,
  oneOf: true,
});
const response = await fetch(url, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ query }),
});
const { data, errors } = await response.json();
let reason = errors?.[0].message;
try {
  buildClientSchema(data);
} catch (error) {
  reason ??= error.message;
}
print({ name: 'GraphiQL reads the schema', ok: reason === undefined, reason });
