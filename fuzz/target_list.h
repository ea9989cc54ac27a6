/* Every fuzz target is one row here, one file of the same name beside this one, and a folder of
 * inputs in corpus/. */
DDLA_FUZZ(job)
DDLA_FUZZ(idx)
DDLA_FUZZ(csv)
DDLA_FUZZ(jsonl)
DDLA_FUZZ(folder)
DDLA_FUZZ(webdataset)
DDLA_FUZZ(text)
DDLA_FUZZ(prepared)
DDLA_FUZZ(safetensors)
DDLA_FUZZ(checkpoint)
DDLA_FUZZ(codec)
DDLA_FUZZ(hosts)
