# SPDX-License-Identifier: MPL-2.0
name := arch
deps := abi lib
