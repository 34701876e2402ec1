"""Writes a LLaVA-type projector of seeded random weights for a 576-wide language model.

It makes a real llama.cpp server decode pictures and turn them into tokens. It sees nothing: what
the model then says of a picture is noise, which is what the test is about.
"""

import sys

import gguf
import numpy as np

EMBEDDING, HIDDEN, HEADS, LAYERS, IMAGE, PATCH, TEXT = 64, 128, 4, 1, 126, 14, 576
PATCHES = (IMAGE // PATCH) ** 2

rng = np.random.default_rng(7)
out = gguf.GGUFWriter(sys.argv[1], "clip")


def weights(name, *shape):
    out.add_tensor(name, (rng.standard_normal(shape) * 0.02).astype(np.float32))


def ones(name, size):
    out.add_tensor(name, np.ones(size, np.float32))


def zeros(name, size):
    out.add_tensor(name, np.zeros(size, np.float32))


out.add_bool("clip.has_text_encoder", False)
out.add_bool("clip.has_vision_encoder", True)
out.add_bool("clip.has_llava_projector", True)
out.add_string("clip.projector_type", "mlp")
out.add_bool("clip.use_gelu", True)
out.add_uint32("clip.vision.image_size", IMAGE)
out.add_uint32("clip.vision.patch_size", PATCH)
out.add_uint32("clip.vision.embedding_length", EMBEDDING)
out.add_uint32("clip.vision.feed_forward_length", HIDDEN)
out.add_uint32("clip.vision.projection_dim", TEXT)
out.add_uint32("clip.vision.attention.head_count", HEADS)
out.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
out.add_uint32("clip.vision.block_count", LAYERS)
out.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
out.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])

weights("v.patch_embd.weight", EMBEDDING, 3, PATCH, PATCH)
weights("v.class_embd", EMBEDDING)
weights("v.position_embd.weight", PATCHES + 1, EMBEDDING)
for name in ("v.pre_ln", "v.post_ln"):
    ones(f"{name}.weight", EMBEDDING)
    zeros(f"{name}.bias", EMBEDDING)
for layer in range(LAYERS):
    block = f"v.blk.{layer}"
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        weights(f"{block}.{name}.weight", EMBEDDING, EMBEDDING)
        zeros(f"{block}.{name}.bias", EMBEDDING)
    for name in ("ln1", "ln2"):
        ones(f"{block}.{name}.weight", EMBEDDING)
        zeros(f"{block}.{name}.bias", EMBEDDING)
    weights(f"{block}.ffn_down.weight", HIDDEN, EMBEDDING)
    zeros(f"{block}.ffn_down.bias", HIDDEN)
    weights(f"{block}.ffn_up.weight", EMBEDDING, HIDDEN)
    zeros(f"{block}.ffn_up.bias", EMBEDDING)
weights("mm.0.weight", TEXT, EMBEDDING)
zeros("mm.0.bias", TEXT)
weights("mm.2.weight", TEXT, TEXT)
zeros("mm.2.bias", TEXT)

out.write_header_to_file()
out.write_kv_data_to_file()
out.write_tensors_to_file()
out.close()
