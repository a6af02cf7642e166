name := lib
sources := fmt.c string.c
deps := abi arch
