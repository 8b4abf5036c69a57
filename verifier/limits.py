"""Every size that untrusted data may reach, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on what is parsed. Sizes in bytes unless the name says otherwise."""

    bundle_bytes: int = 64 * 2**20
    policy_bytes: int = 16 * 2**20
    record_bytes: int = 256 * 2**10
    nesting_depth: int = 16
    json_marks: int = 2**22
    list_items: int = 2**24
    object_keys: int = 256
    tensor_elements: int = 2**24
    tensor_rank: int = 8
    tensors: int = 16
    name_characters: int = 200
    text_characters: int = 4096
    merkle_depth: int = 16
    program_bytes: int = 16 * 2**20
    program_operations: int = 2**16
    blob_elements: int = 2**28
    activation_elements: int = 2**28


LIMITS = Limits()
