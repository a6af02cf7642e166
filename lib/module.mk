name := lib
sources := fmt.c string.c rbtree.c chacha20.c blake2s.c radix.c boot_map.c bitmap.c acpi.c
deps := abi arch
tests := fmt rbtree string
