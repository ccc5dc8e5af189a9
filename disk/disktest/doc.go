// Package disktest breaks disks on purpose, for the tests of everything that writes through disk.FS.
//
// [Fail] makes one labelled operation fail with a chosen error:
//
//	ff := disktest.NewFail(disk.OS{})
//	run(ff)                                  // once, to learn the labels
//	for _, label := range ff.Labels() {      // then each in turn
//		ff.Break(label, 1, syscall.ENOSPC)
//		…
//	}
//
// [Recorder] records a workload and builds directory trees as a power loss could have left them:
//
//	rec, err := disktest.NewRecorder(disk.OS{}, root)
//	run(rec); rec.Mark("one is acknowledged"); …
//	err = rec.States(disktest.Scratch(t), rng, 2000, func(s disktest.State) error {
//		// open s.Dir; what s.Marks says was acknowledged must be there
//	})
//
// What may be lost is what package disk's comment says is not durable: the Recorder is stricter than any one file system.
// It keeps all that was written in memory, so workloads should be small (a MiB or so); writes that go around disk.FS are
// not seen, which is why its files neither clone nor use copy_file_range.
package disktest
