name := lib
sources := fmt.c rbtree.c string.c radix.c
deps := abi arch
tests := rbtree
