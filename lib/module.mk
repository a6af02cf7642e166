name := lib
sources := fmt.c rbtree.c string.c
deps := abi arch
tests := rbtree
