name := abi
