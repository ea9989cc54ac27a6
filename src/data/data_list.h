/* Formats of data that can be read, in the order in which they are asked whether they accept a
 * path. A row DDLA_DATA_FORMAT(folder, name) is the file folder/name.c, which defines
 * ddla_data_format_<name>; see
 * docs/howto/add-a-data-format.md. */
DDLA_DATA_FORMAT(prepared, prepared)
DDLA_DATA_FORMAT(format, text)
DDLA_DATA_FORMAT(format, idx)
DDLA_DATA_FORMAT(format, webdataset)
DDLA_DATA_FORMAT(format, jsonl)
DDLA_DATA_FORMAT(format, csv)
DDLA_DATA_FORMAT(format, folder)
DDLA_DATA_FORMAT(format, synthetic)
