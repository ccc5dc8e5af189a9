package index

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if root := os.Getenv(childEnv); root != "" {
		child(root)
	}
	goleak.VerifyTestMain(m)
}
