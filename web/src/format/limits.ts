// Says how much of a block the page holds at once, so that a small file costs little memory and time.
// Those that Python has too are the same as in format/limits.py.

// Parts of the values of one block that are held. The rest is read past, and marked.
export const MAX_SHOWN_VALUES = 1 << 18;
// Parts of one value that is shown through its objects, at all depths.
export const MAX_VALUE_PARTS = 1 << 16;
// Why a value is cut that was recorded whole.
export const NOT_HELD = "more than a reader holds at once";

// Records of objects in one block, which take four bytes each at least and a hundred times that here.
export const MAX_OBJECT_RECORDS = 1 << 20;
// Parts that are moved when the changes of a block's objects are applied one after the other. Records
// of eight bytes can move as many parts as an object has.
export const MAX_MOVED_PARTS = 1 << 29;
// Parts of the values of one block that are kept after they were shown.
export const MAX_KEPT_PARTS = 1 << 18;
// Parts of the values of one block that are shown anew; after that a value has fewer parts.
export const MAX_SHOWN_PARTS = 1 << 23;
export const FEWER_VALUE_PARTS = 1 << 12;
// Records of objects of a trace that can be asked for by the number of the object.
export const MAX_TOLD = 1 << 22;
