/* Formats of data that can be read, in the order in which they are asked whether they accept a
 * path. A row is a file of this folder that defines ddla_data_format_<name>; see
 * docs/howto/add-a-data-format.md. */
DDLA_DATA_FORMAT(prepared)
DDLA_DATA_FORMAT(text)
DDLA_DATA_FORMAT(idx)
DDLA_DATA_FORMAT(webdataset)
DDLA_DATA_FORMAT(jsonl)
DDLA_DATA_FORMAT(csv)
DDLA_DATA_FORMAT(folder)
DDLA_DATA_FORMAT(synthetic)
