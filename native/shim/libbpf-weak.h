/* Included into libbpf: what the shim has an own, faster version of (libbpf.c). */
#pragma weak bpf_core_add_cands
