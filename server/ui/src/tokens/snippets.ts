// The first call, in several languages. Each reads the secret from the
// environment: a program that holds it will be copied with it.

const query = '{ viewer { workspace { name } abilities } }'

export const snippets = {
  curl: (origin: string) => `curl ${origin}/graphql \\
  -H "Content-Type: application/json" -H @- \\
  -d '{"query": "${query}"}' \\
  <<< "Authorization: Bearer $KELOA_TOKEN"`,

  JavaScript: (origin: string) => `const response = await fetch("${origin}/graphql", {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    Authorization: \`Bearer \${process.env.KELOA_TOKEN}\`,
  },
  body: JSON.stringify({ query: "${query}" }),
});
console.log(await response.json());`,

  Go: (origin: string) => `body := strings.NewReader(\`{"query": "${query}"}\`)
request, err := http.NewRequest("POST", "${origin}/graphql", body)
if err != nil {
	log.Fatal(err)
}
request.Header.Set("Content-Type", "application/json")
request.Header.Set("Authorization", "Bearer "+os.Getenv("KELOA_TOKEN"))
response, err := http.DefaultClient.Do(request)`,
}

export type SnippetName = keyof typeof snippets
