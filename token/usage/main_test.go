package usage_test

import (
	"testing"

	"github.com/keloa/apitokens/ent/database/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
