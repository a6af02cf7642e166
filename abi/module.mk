# SPDX-License-Identifier: MPL-2.0
name := abi
