package index_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vrepofs/disk"
	"vrepofs/index"
)

func Example() {
	dir, err := os.MkdirTemp("", "vrepofs")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	root := filepath.Join(dir, "store")
	if err := index.Create(root, disk.OS{}); err != nil {
		panic(err)
	}
	x, err := index.Open(root, index.Options{Now: func() time.Time { return time.Unix(1795262448, 0) }})
	if err != nil {
		panic(err)
	}
	defer x.Close()

	before := x.Head()
	h, err := x.Commit(context.Background(), index.Op{
		Row: index.Row{UID: 1000, Command: "tag create el9", Label: "start"},
		Apply: func(tx *index.Tx) error {
			tx.Put("tags", "el9", []byte("a record"))
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	v, _ := x.View(h).Get("tags", "el9")
	fmt.Printf("event %d at %d: %s\n", h.Seq, h.Stamp, v)
	_, err = x.View(before).Get("tags", "el9")
	fmt.Println("before:", err)
	for row, err := range x.Log(1, h.Seq) {
		fmt.Println(row.Seq, row.UID, row.Command, row.Label, err)
	}
	// Output:
	// event 1 at 1795262448: a record
	// before: tree: "el9": file does not exist
	// 1 1000 tag create el9 start <nil>
}
