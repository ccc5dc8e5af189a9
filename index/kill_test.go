package index

import "fmt"

const childEnv = "VREPOFS_INDEX_TEST_CHILD"

func child(root string) { fmt.Println(root) }
