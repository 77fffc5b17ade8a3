package graph

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/keloa/apitokens/ent"
	"github.com/keloa/apitokens/ent/database"
	"github.com/keloa/apitokens/ent/database/dbtest"
	"github.com/keloa/apitokens/ent/workspace"
)

// followed are the subscriptions; their tests have strangers listen.
var followed = []string{"apiTokenUsed", "auditEntryAdded"}

// TestNothingOfAnotherWorkspaceShows walks the schema: each field of Query and
// Mutation is asked for by a stranger, with each of its arguments in turn set to
// what belongs to another workspace, and then to what belongs to none. The two
// answers must be the same, and cost the database the same, and hold nothing of the
// other workspace, which must be as it was.
//
// What the walk needs to know of a new argument it reads from its type; a type that
// it does not know fails the test.
func TestNothingOfAnotherWorkspaceShows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *database.DB) {
		w := newWorld(t, db)
		db.Client().Workspace.Update().SetPlan(workspace.PlanSCALE).ExecX(t.Context())
		k := newIsolation(t, w)
		schema := newSchema(w.tokens).Schema()
		for _, root := range []*ast.Definition{schema.Query, schema.Mutation} {
			// What is minted shows in the lists that come after it: so none do.
			fields := slices.Clone(root.Fields)
			slices.SortStableFunc(fields, func(a, b *ast.FieldDefinition) int {
				return cmp.Compare(strings.Index(a.Name, "mint"), strings.Index(b.Name, "mint"))
			})
			for _, f := range fields {
				if !strings.HasPrefix(f.Name, "__") {
					k.field(schema, root, f)
				}
			}
		}
		for _, f := range schema.Subscription.Fields {
			if !slices.Contains(followed, f.Name) {
				t.Errorf("no test has a stranger follow %s", f.Name)
			}
		}
		if k.asked < 60 {
			t.Errorf("asked only %d questions: the walk is broken", k.asked)
		}
		if after := k.state(); after != k.before {
			t.Errorf("the other workspace was\n%s\nand is\n%s", k.before, after)
		}
	})
}

// isolation is one walk.
type isolation struct {
	t       *testing.T
	w       *world
	queries atomic.Int64
	asked   int
	before  string // what the other workspace holds
	// theirs are the ids, the labels and the cursors of the other workspace, by
	// the type of an argument; none are such as belong to nobody.
	theirs, none map[string][]string
	secrets      []string // what no answer may hold
}

func newIsolation(t *testing.T, w *world) *isolation {
	t.Helper()
	k := &isolation{t: t, w: w}
	admin, stranger := w.people["admin"], w.people["stranger"]
	const mint = `mutation {mintToken(input: {label: "unmistakable", abilities: [READ], idempotencyKey: "unmistakable"}) {token {id hint}}}`
	token := random["id"].FindString(post(t, w.handler, admin, mint, nil).text)
	post(t, w.handler, stranger, `mutation {mintToken(input: {label: "plain", abilities: [READ]}) {token {id}}}`, nil)
	entry := post(t, w.handler, admin, `{auditEntries(first: 1) {nodes {id}}}`, nil)
	cursors := func(query string) []string {
		return random["cursor"].FindAllString(post(t, w.handler, admin, query, nil).text, -1)
	}
	k.theirs = map[string][]string{
		"ID": {
			token, random["id"].FindString(entry.text),
			admin.Actor.ID.String(), admin.Session.String(), admin.Workspace.ID.String(), w.people["member"].Session.String(),
		},
		"String": {"unmistakable"},
		"Cursor": append(cursors(`{apiTokens {pageInfo {endCursor}}}`), cursors(`{auditEntries(first: 1) {pageInfo {endCursor}}}`)...),
	}
	k.none = map[string][]string{"String": {"unmentionable"}}
	for range k.theirs["ID"] {
		k.none["ID"] = append(k.none["ID"], uuid.Must(uuid.NewV7()).String())
	}
	k.secrets = append(slices.Clone(k.theirs["ID"]), "@default.example", "The default")
	k.before = k.state()
	w.db.Client().Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			k.queries.Add(1)
			return next.Query(ctx, q)
		})
	}))
	return k
}

// state is what the admin of the other workspace sees in it.
func (k *isolation) state() string {
	return post(k.t, k.w.handler, k.w.people["admin"], `{
		apiTokens(filter: {states: [ACTIVE, ROTATING, EXPIRED, REVOKED]}) {nodes {id label state abilities}}
		auditEntries {nodes {id}} sessions {id expiresAt} viewer {workspace {tokenCount plan}}}`, nil).text
}

// field asks for a field as it is, and with each argument in turn.
func (k *isolation) field(schema *ast.Schema, root *ast.Definition, f *ast.FieldDefinition) {
	selection := selectAll(schema, f.Type, 3)
	ask := func(arguments string) reply {
		query := fmt.Sprintf("%s {%s%s %s}", strings.ToLower(root.Name), f.Name, arguments, selection)
		k.asked++
		k.queries.Store(0)
		got := post(k.t, k.w.handler, k.w.people["stranger"], query, nil)
		for _, secret := range k.secrets {
			if strings.Contains(got.text, secret) && !strings.Contains(query, secret) {
				k.t.Errorf("%s shows %s: %s", query, secret, got.text)
			}
		}
		if strings.Contains(got.text, string(CodeInternal)) || strings.Contains(got.text, "GRAPHQL") {
			k.t.Errorf("%s: %s", query, got.text)
		}
		return got
	}
	if len(f.Arguments) == 0 {
		ask("")
	}
	for _, arg := range f.Arguments {
		for _, path := range k.paths(schema, arg.Name, arg.Type, nil) {
			others := k.needed(schema, f.Arguments, arg.Name)
			for i, theirs := range path.theirs {
				given := ask("(" + strings.Join(append(others, path.text(theirs)), ", ") + ")")
				cost := k.queries.Load()
				if len(path.none) == 0 {
					continue
				}
				none := path.none[i%len(path.none)]
				fake := ask("(" + strings.Join(append(others, path.text(none)), ", ") + ")")
				if a, b := plain(given.text, theirs), plain(fake.text, none); a != b {
					k.t.Errorf("%s.%s(%s) tells what is theirs from what is nobody's:\n%s\n%s", root.Name, f.Name, path.text(theirs), a, b)
				}
				if k.queries.Load() != cost {
					k.t.Errorf("%s.%s(%s) takes %d queries for what is theirs, %d for what is nobody's", root.Name, f.Name, path.text(theirs), cost, k.queries.Load())
				}
			}
		}
	}
}

// plain takes what was asked, and what differs each time, out of an answer.
func plain(text, asked string) string {
	for _, word := range []string{strings.Trim(asked, `"`), "unmistakable", "unmentionable"} {
		text = strings.ReplaceAll(text, word, "<asked>")
	}
	for _, kind := range []string{"id", "secret", "tail", "cursor"} {
		text = random[kind].ReplaceAllString(text, "<"+kind+">")
	}
	return text
}

// path leads to one leaf of an argument. Its text puts a value there, and what is
// needed around it.
type path struct {
	text         func(value string) string
	theirs, none []string
}

// paths are those of all leaves of an argument.
func (k *isolation) paths(schema *ast.Schema, name string, typ *ast.Type, seen []string) []path {
	k.t.Helper()
	def := schema.Types[typ.Name()]
	if def.Kind != ast.InputObject {
		return []path{{func(value string) string { return name + ": " + value }, k.values(def, false), k.values(def, true)}}
	}
	var all []path
	inner := make(ast.ArgumentDefinitionList, len(def.Fields))
	for i, f := range def.Fields {
		inner[i] = &ast.ArgumentDefinition{Name: f.Name, Type: f.Type, DefaultValue: f.DefaultValue}
	}
	for _, f := range inner {
		if slices.Contains(seen, def.Name+"."+f.Name) {
			continue
		}
		others := k.needed(schema, inner, f.Name)
		for _, p := range k.paths(schema, f.Name, f.Type, append(seen, def.Name+"."+f.Name)) {
			text := p.text
			p.text = func(value string) string {
				return name + ": {" + strings.Join(append(slices.Clone(others), text(value)), ", ") + "}"
			}
			all = append(all, p)
		}
	}
	return all
}

// needed are the other arguments that must be given, with values of nobody's.
func (k *isolation) needed(schema *ast.Schema, all ast.ArgumentDefinitionList, but string) []string {
	var list []string
	for _, arg := range all {
		if arg.Name != but && arg.Type.NonNull && arg.DefaultValue == nil {
			p := k.paths(schema, arg.Name, arg.Type, nil)[0]
			value := p.theirs[0]
			if len(p.none) > 0 {
				value = p.none[0]
			}
			list = append(list, p.text(value))
		}
	}
	return list
}

// values are those to try for a leaf: of the other workspace or of nobody's, or if
// the type knows no such thing, all there are.
func (k *isolation) values(def *ast.Definition, none bool) []string {
	k.t.Helper()
	from := k.theirs
	if none {
		from = k.none
	}
	switch {
	case def.Name == "ID", def.Name == "String", def.Name == "Cursor":
		var quoted []string
		for _, value := range from[def.Name] {
			quoted = append(quoted, quote(value))
		}
		return quoted
	case none:
		return nil
	case def.Kind == ast.Enum:
		var names []string
		for _, v := range def.EnumValues {
			names = append(names, v.Name)
		}
		return names
	case def.Name == "Int":
		return []string{"1"}
	case def.Name == "Boolean":
		return []string{"true", "false"}
	case def.Name == "Time":
		return []string{`"2020-01-01T00:00:00Z"`, `"2030-01-01T00:00:00Z"`}
	}
	k.t.Fatalf("the walk knows no value of type %s", def.Name)
	return nil
}

// selectAll selects every field down to a depth, but those that need arguments.
func selectAll(schema *ast.Schema, typ *ast.Type, depth int) string {
	def := schema.Types[typ.Name()]
	if def.Kind == ast.Scalar || def.Kind == ast.Enum {
		return ""
	}
	if def.Kind == ast.Interface {
		var on []string
		for _, possible := range schema.PossibleTypes[def.Name] {
			on = append(on, "... on "+possible.Name+" {id}")
		}
		return "{" + strings.Join(on, " ") + "}"
	}
	fields := []string{"__typename"}
	for _, f := range def.Fields {
		needs := slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil })
		inner := schema.Types[f.Type.Name()]
		leaf := inner.Kind == ast.Scalar || inner.Kind == ast.Enum
		if needs || strings.HasPrefix(f.Name, "__") || !leaf && depth == 1 {
			continue
		}
		fields = append(fields, f.Name+" "+selectAll(schema, f.Type, depth-1))
	}
	return "{" + strings.Join(fields, " ") + "}"
}
