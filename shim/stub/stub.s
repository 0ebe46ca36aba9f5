# What a 32-bit program gets in place of libcgproc.so: nothing at all. It is there so that a preload path with $LIB in it finds
# something that such a program can load, and its loader need not complain.
	.section .note.GNU-stack, "", @progbits
