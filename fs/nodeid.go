package fs

import "fmt"

// nodeID is a FUSE node id and at the same time the st_ino. It is computed, durable, and all that the kernel and the daemon
// have in common about a file: it means the same in the next process over the same store.
//
//	bit 63 62 61                           31 30                            0
//	     0  0 |  place serial (31 bits)      | ordinal in the place (31 bits) |   place<<31|0 is the place itself
//	     0  1 |  inode serial of an RPM blob (62 bits)                        |   shared by all places
//	     1  ? |  not used
//
// 1 is the root, by FUSE's rule; it is the place "" and no other id, as no place has serial 0. The ordinal of an entry is
// its number in a pre-order walk of the place's tree, so an id is decoded by descending (tree.Dir.ByOrdinal), without any
// state. Bit 63 stays clear so that st_ino is positive in signed types.
type nodeID uint64

const (
	rootID     nodeID = 1
	rpmBit     nodeID = 1 << 62
	ordBits           = 31
	maxSerial         = 1<<31 - 1
	maxOrdinal        = 1<<31 - 1
)

// placeID returns the id of an ordinal in a place. It panics only for serials that Source must never give.
func placeID(serial, ordinal uint32) nodeID {
	return nodeID(serial)<<ordBits | nodeID(ordinal&maxOrdinal)
}

func rpmID(serial uint64) nodeID { return rpmBit | nodeID(serial)&(rpmBit-1) }

func (n nodeID) isRPM() bool     { return n&(3<<62) == rpmBit }
func (n nodeID) rpm() uint64     { return uint64(n &^ rpmBit) }
func (n nodeID) serial() uint32  { return uint32(n >> ordBits) }
func (n nodeID) ordinal() uint32 { return uint32(n) & maxOrdinal }

func (n nodeID) String() string {
	switch {
	case n == rootID:
		return "root"
	case n.isRPM():
		return fmt.Sprintf("rpm %d", n.rpm())
	default:
		return fmt.Sprintf("place %d ordinal %d", n.serial(), n.ordinal())
	}
}
