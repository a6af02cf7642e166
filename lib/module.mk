name := lib
sources := fmt.c rbtree.c string.c chacha20.c blake2s.c radix.c
deps := abi arch
tests := rbtree
