# What a 32-bit program gets instead of libcgproc.so: nothing. With it, a preload path that contains $LIB leads to something
# that such a program can load, and its loader does not complain.
	.section .note.GNU-stack, "", @progbits
