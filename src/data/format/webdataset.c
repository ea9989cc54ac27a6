/* Archives of tar whose files belong together by their names: 0001.png and 0001.cls are a sample.
 * The convention is that of the Python package webdataset (github.com/webdataset/webdataset); see
 * docs/formats/data.md. */
#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/text.h"
#include "data/format/images.h"
#include "data/format/jsonl.h"
#include "data/format/labels.h"
#include "data/format/listing.h"
#include "data/format/tar.h"

/* Which file tells a sample's class, the first that it has. */
typedef enum label_file { LABEL_CLS, LABEL_TXT, LABEL_JSON, LABEL_FILES } label_file;

static const char *const label_endings[LABEL_FILES] = {"cls", "txt", "json"};

/* An image, and the class that was read beside it. */
typedef struct sample {
  char *name; /* of the image's entry; owned */
  size_t at, length;
  int32_t label;
} sample;

/* Fingerprints of keys, to find one that comes twice. slots: [slot_count], a power of two, zero
 * where free. */
typedef struct key_set {
  XXH128_hash_t *slots;
  size_t count, slot_count;
} key_set;

/* Files of one sample while its archive is read. */
typedef struct gathering {
  char key[DDLA_TAR_NAME_BYTES]; /* "": none yet */
  ddla_tar_entry image;
  bool has_image;
  const uint8_t *label[LABEL_FILES];
  size_t label_length[LABEL_FILES];
} gathering;

typedef struct reader {
  ddla_dataset *set;
  const ddla_data_source *source;
  ddla_label_kind kind;
  bool labelled;
  char **paths; /* of the archives; [path_count], owned */
  int path_count;
  int64_t *ends; /* [path_count], samples up to the end of each */
  sample *samples;
  int64_t count, room;
  key_set keys;
  gathering *now;
  const ddla_data_block *archive; /* that is being read */
} reader;

static ddla_status grow_keys(key_set *keys) {
  key_set made = {.count = keys->count,
                  .slot_count = keys->slot_count ? 2 * keys->slot_count : 1024};
  DDLA_TRY(DDLA_NEW(made.slots, made.slot_count));
  for (size_t i = 0; i < keys->slot_count; i++) {
    const XXH128_hash_t hash = keys->slots[i];
    size_t place = hash.low64 & (made.slot_count - 1);
    if (!hash.low64 && !hash.high64) continue;
    while (made.slots[place].low64 || made.slots[place].high64)
      place = (place + 1) & (made.slot_count - 1);
    made.slots[place] = hash;
  }
  ddla_free(keys->slots);
  *keys = made;
  return DDLA_OK;
}

/* *is_new: the key was not there. Two keys of one fingerprint of 128 bits do not happen. */
static ddla_status add_key(bool *is_new, key_set *keys, const char *key) {
  if (2 * keys->count >= keys->slot_count) DDLA_TRY(grow_keys(keys));
  const XXH128_hash_t hash = XXH3_128bits(key, strlen(key));
  size_t place = hash.low64 & (keys->slot_count - 1);
  while (keys->slots[place].low64 || keys->slots[place].high64) {
    *is_new = !XXH128_isEqual(keys->slots[place], hash);
    if (!*is_new) return DDLA_OK;
    place = (place + 1) & (keys->slot_count - 1);
  }
  keys->slots[place] = hash;
  keys->count++;
  *is_new = true;
  return DDLA_OK;
}

static ddla_status grow_samples(reader *in) {
  if (in->count < in->room) return DDLA_OK;
  const int64_t room = in->room ? 2 * in->room : 1024;
  sample *made = NULL;
  DDLA_TRY(DDLA_NEW(made, room));
  if (in->count) memcpy(made, in->samples, (size_t)in->count * sizeof *made);
  ddla_free(in->samples);
  in->samples = made;
  in->room = room;
  return DDLA_OK;
}

/* Cuts a name into key and ending: "a/b.seg.png" is "a/b" and "seg.png". False for what is no part
 * of a sample: names that begin with a dot, and remarks such as "__index__". */
static bool split_name(char key[DDLA_TAR_NAME_BYTES], const char **ending, const char *name) {
  const char *slash = strrchr(name, '/');
  const char *file = slash ? slash + 1 : name;
  const char *dot = strchr(file, '.');
  if (!dot || dot == file || strncmp(file, "__", 2) == 0) return false;
  memcpy(key, name, (size_t)(dot - name));
  key[dot - name] = '\0';
  *ending = dot + 1;
  return true;
}

static bool is_one_of(const char *ending, const char *const *list) {
  for (; *list; list++)
    if (strcasecmp(ending, *list) == 0) return true;
  return false;
}

static bool is_image(const char *ending) {
  static const char *const known[] = {"png", "jpg", "jpeg", "ppm", "pgm", NULL};
  return is_one_of(ending, known);
}

/* A class by its number or name: a line of text. */
static ddla_status read_line(char out[DDLA_LABEL_BYTES], const char *text, size_t length) {
  while (length && strchr(" \t\r\n", text[length - 1])) length--;
  while (length && strchr(" \t\r\n", *text)) text++, length--;
  if (length >= DDLA_LABEL_BYTES)
    return DDLA_FAIL(INVALID, "a label of %zu bytes; expected at most %d", length,
                     DDLA_LABEL_BYTES - 1);
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < ' ')
      return DDLA_FAIL(INVALID, "more than a line; expected the number or name of a class");
  memcpy(out, text, length);
  out[length] = '\0';
  return DDLA_OK;
}

/* The label's key of an object. */
static ddla_status read_object(char out[DDLA_LABEL_BYTES], const char *text, size_t length,
                               const char *wanted) {
  char key[DDLA_JSONL_KEY_BYTES];
  ddla_jsonl_cursor cursor = ddla_jsonl_start(text, length);
  bool more = false, found = false;
  DDLA_TRY(ddla_jsonl_expect(&cursor, '{'));
  for (bool first = true;; first = false) {
    DDLA_TRY(ddla_jsonl_next_key(&more, key, &cursor, first));
    if (!more) break;
    if (strcmp(key, wanted) != 0) {
      DDLA_TRY(ddla_jsonl_skip(&cursor));
      continue;
    }
    if (found) return DDLA_FAIL(INVALID, "the key %s comes twice", ddla_text_quote(wanted).text);
    found = true;
    DDLA_TRY(ddla_jsonl_class(out, DDLA_LABEL_BYTES, &cursor));
  }
  if (!found)
    return DDLA_FAIL(INVALID, "the key %s of the label is missing; data.label names another one",
                     ddla_text_quote(wanted).text);
  return ddla_jsonl_finish(&cursor);
}

/* Text of the label in a file of this kind. */
static ddla_status read_text(char out[DDLA_LABEL_BYTES], const reader *in, label_file kind) {
  const char *text = (const char *)in->now->label[kind], *key = in->source->label_column;
  const size_t length = in->now->label_length[kind];
  int64_t number = 0;
  DDLA_TRY(ddla_data_check_text(text, length, "the text"));
  if (kind == LABEL_JSON) return read_object(out, text, length, key && key[0] ? key : "label");
  DDLA_TRY(read_line(out, text, length));
  if (kind == LABEL_TXT || ddla_text_to_int(&number, out)) return DDLA_OK;
  return DDLA_FAIL(INVALID, "label %s; expected a whole number (names stand in .txt or .json)",
                   ddla_text_quote(out).text);
}

/* With a key for the label its file is .json. */
static ddla_status read_label(int32_t *out, reader *in) {
  char text[DDLA_LABEL_BYTES];
  const gathering *now = in->now;
  const bool keyed = in->source->label_column && in->source->label_column[0];
  int kind = keyed ? LABEL_JSON : LABEL_CLS;
  while (kind < LABEL_FILES && !now->label[kind]) kind++;
  if (kind == LABEL_FILES)
    return DDLA_FAIL(INVALID, "sample %s has no label; expected a file %s, or data.label: none",
                     ddla_text_quote(now->key).text, keyed ? ".json" : ".cls, .txt or .json");
  ddla_status status = read_text(text, in, (label_file)kind);
  if (status == DDLA_OK) status = ddla_labels_read(out, &in->kind, in->set, in->source, text);
  if (status == DDLA_OK) return DDLA_OK;
  return ddla_status_prefix(status, "sample %s, .%s: ", ddla_text_quote(now->key).text,
                            label_endings[kind]);
}

/* All files of the sample are known. */
static ddla_status end_sample(reader *in) {
  gathering *now = in->now;
  sample made = {.label = -1};
  bool is_new = false;
  if (now->key[0] == '\0') return DDLA_OK;
  DDLA_TRY(add_key(&is_new, &in->keys, now->key));
  if (!is_new)
    return DDLA_FAIL(INVALID,
                     "sample %s comes twice; every key stands for one sample, whose files "
                     "follow each other in one archive",
                     ddla_text_quote(now->key).text);
  if (!now->has_image)
    return DDLA_FAIL(INVALID, "sample %s has no image; expected a file .png, .jpg, .ppm or .pgm",
                     ddla_text_quote(now->key).text);
  if (in->labelled) DDLA_TRY(read_label(&made.label, in));
  DDLA_TRY(grow_samples(in));
  made.at = (size_t)(now->image.content - in->archive->data);
  made.length = now->image.length;
  DDLA_TRY(ddla_alloc_text(&made.name, now->image.name));
  in->samples[in->count++] = made;
  return DDLA_OK;
}

static ddla_status add_file(reader *in, const ddla_tar_entry *entry) {
  char key[DDLA_TAR_NAME_BYTES];
  const char *ending = NULL;
  gathering *now = in->now;
  if (!split_name(key, &ending, entry->name)) return DDLA_OK;
  if (strcmp(key, now->key) != 0) {
    DDLA_TRY(end_sample(in));
    memset(now, 0, sizeof *now);
    memcpy(now->key, key, sizeof key);
  }
  bool twice = is_image(ending) && now->has_image;
  if (is_image(ending)) now->image = *entry, now->has_image = true;
  for (int kind = 0; kind < LABEL_FILES; kind++) {
    if (strcasecmp(ending, label_endings[kind]) != 0) continue;
    twice |= now->label[kind] != NULL;
    now->label[kind] = entry->content;
    now->label_length[kind] = entry->length;
  }
  if (!twice) return DDLA_OK;
  return DDLA_FAIL(INVALID, "entry %s: sample %s has a file of this kind already",
                   ddla_text_quote(entry->name).text, ddla_text_quote(key).text);
}

static ddla_status read_entries(reader *in) {
  ddla_tar tar = {.bytes = in->archive->data, .length = in->archive->bytes};
  ddla_tar_entry *entry = NULL;
  ddla_status status = DDLA_OK;
  DDLA_TRY(DDLA_NEW(entry, 1));
  memset(in->now, 0, sizeof *in->now);
  for (bool more = true; more;) {
    DDLA_TRY_CLEAN(status, ddla_tar_next(entry, &more, &tar));
    if (more) DDLA_TRY_CLEAN(status, add_file(in, entry));
  }
  status = end_sample(in);
cleanup:
  ddla_free(entry);
  return status;
}

static ddla_status fail_archive(ddla_status status, const char *path) {
  return status == DDLA_OK ? DDLA_OK : ddla_status_prefix(status, "%s: ", path);
}

/* Finds all samples. An archive is in memory while it is looked through, and again when its images
 * are decoded, so that there is never more than one. */
static ddla_status index_archives(reader *in) {
  for (int i = 0; i < in->path_count; i++) {
    ddla_data_block archive = {0};
    DDLA_TRY(ddla_data_file_load(&archive, in->paths[i], ddla_data_memory_private()));
    in->archive = &archive;
    ddla_status status = read_entries(in);
    ddla_data_block_release(&archive);
    DDLA_TRY(fail_archive(status, in->paths[i]));
    in->ends[i] = in->count;
  }
  if (in->count == 0) return DDLA_FAIL(INVALID, "%s holds no samples", in->source->path);
  return DDLA_OK;
}

/* Samples of the archive that is being decoded. */
typedef struct decoded {
  const sample *samples;
  const ddla_data_block *archive;
} decoded;

static ddla_status open_image(ddla_image_file *out, int64_t index, const void *argument) {
  const decoded *from = argument;
  const sample *one = &from->samples[index];
  if (one->at > from->archive->bytes || one->length > from->archive->bytes - one->at)
    return DDLA_FAIL(CORRUPT, "it changed while it was read");
  *out = (ddla_image_file){
      .bytes = from->archive->data + one->at, .length = one->length, .name = one->name};
  return DDLA_OK;
}

static ddla_status make_room(reader *in, const ddla_images *images) {
  ddla_data_records records = {
      .type = DDLA_DATA_UINT8, .count = in->count, .labelled = in->labelled};
  DDLA_TRY(ddla_images_shape(&records.shape, images, in->source));
  DDLA_TRY(ddla_dataset_make(&records, in->set, in->source));
  for (int64_t i = 0; in->labelled && i < in->count; i++) records.label[i] = in->samples[i].label;
  return DDLA_OK;
}

static ddla_status decode_archive(reader *in, const ddla_data_block *archive, int64_t first,
                                  int64_t end) {
  const decoded from = {.samples = in->samples + first, .archive = archive};
  const ddla_images images = {
      .count = end - first, .open = open_image, .argument = &from, .first = in->samples[0].name};
  if (!in->set->features) DDLA_TRY(make_room(in, &images));
  const int64_t bytes = ddla_data_shape_count(in->set->shape);
  return ddla_images_decode(in->set->features_block.data + first * bytes, in->set->shape, &images,
                            in->source);
}

static ddla_status decode_archives(reader *in) {
  for (int i = 0; i < in->path_count; i++) {
    const int64_t first = i ? in->ends[i - 1] : 0;
    if (first == in->ends[i]) continue; /* no samples in it */
    ddla_data_block archive = {0};
    DDLA_TRY(ddla_data_file_load(&archive, in->paths[i], ddla_data_memory_private()));
    ddla_status status = decode_archive(in, &archive, first, in->ends[i]);
    ddla_data_block_release(&archive);
    DDLA_TRY(fail_archive(status, in->paths[i]));
  }
  return DDLA_OK;
}

static bool is_archive(const char *name) {
  return ddla_listing_ends(name, ".tar") || ddla_listing_ends(name, ".tar.gz") ||
         ddla_listing_ends(name, ".tgz");
}

/* Whether an archive's name says that it belongs to a part: "train-000.tar". */
static bool names_part(const char *name, ddla_data_part part) {
  for (int i = 0; i < 2; i++) {
    const char *word = ddla_listing_part_name(part, i);
    const size_t length = strlen(word);
    if (strncmp(name, word, length) == 0 && strchr("-_.0123456789", name[length])) return true;
  }
  return false;
}

static bool names_any_part(const char *name) {
  return names_part(name, DDLA_DATA_TRAIN) || names_part(name, DDLA_DATA_VALIDATION) ||
         names_part(name, DDLA_DATA_TEST);
}

/* Archives of a directory: how many there are, and how many of them name the part or any part. */
typedef struct tally {
  int archives, of_part, of_parts;
} tally;

static tally count_archives(const ddla_listing *names, ddla_data_part part) {
  tally made = {0};
  for (int i = 0; i < names->count; i++) {
    const char *name = ddla_listing_name(names, i);
    if (!is_archive(name)) continue;
    made.archives++;
    made.of_part += names_part(name, part);
    made.of_parts += names_any_part(name);
  }
  return made;
}

static ddla_status check_tally(const tally *found, const char *root) {
  if (found->archives == 0)
    return DDLA_FAIL(INVALID, "%s holds no archives; expected files .tar, .tar.gz or .tgz", root);
  if (found->of_parts > 0 && found->of_parts < found->archives)
    return DDLA_FAIL(INVALID,
                     "%s: the names of %d of its %d archives say which part they belong to "
                     "(train-, validation-, test-), those of the others do not",
                     root, found->of_parts, found->archives);
  if (found->of_parts > 0 && found->of_part == 0)
    return DDLA_FAIL(INVALID,
                     "%s holds archives of other parts but none of the one that is asked "
                     "for (train, validation or test)",
                     root);
  return DDLA_OK;
}

static ddla_status list_archives(reader *in, const char *root, const ddla_listing *names) {
  const tally found = count_archives(names, in->source->part);
  DDLA_TRY(check_tally(&found, root));
  DDLA_TRY(DDLA_NEW(in->paths, found.archives));
  for (int i = 0; i < names->count; i++) {
    const char *name = ddla_listing_name(names, i);
    char path[DDLA_DATA_PATH_BYTES];
    if (!is_archive(name) || (found.of_parts > 0 && !names_part(name, in->source->part))) continue;
    DDLA_TRY(ddla_data_path(path, "%s/%s", root, name));
    DDLA_TRY(ddla_alloc_text(&in->paths[in->path_count++], path));
  }
  return DDLA_OK;
}

static ddla_status find_archives(reader *in) {
  char root[DDLA_DATA_PATH_BYTES];
  ddla_listing names = {0};
  if (!ddla_data_is_directory(in->source->path)) {
    DDLA_TRY(DDLA_NEW(in->paths, 1));
    DDLA_TRY(ddla_alloc_text(&in->paths[0], in->source->path));
    in->path_count = 1;
  } else {
    DDLA_TRY(ddla_listing_find_root(root, in->source));
    DDLA_TRY(ddla_listing_read(&names, root));
    ddla_status status = list_archives(in, root, &names);
    ddla_listing_fini(&names);
    DDLA_TRY(status);
  }
  return DDLA_NEW(in->ends, in->path_count);
}

static ddla_status read_all(reader *in) {
  DDLA_TRY(DDLA_NEW(in->now, 1));
  if (in->labelled && in->source->class_names)
    DDLA_TRY(ddla_classes_set(&in->set->classes, in->source->class_names, in->source->class_count));
  DDLA_TRY(find_archives(in));
  DDLA_TRY(index_archives(in));
  DDLA_TRY(decode_archives(in));
  return ddla_labels_finish(in->set, in->kind, in->source);
}

static ddla_status webdataset_read(ddla_dataset *set, const ddla_data_source *source) {
  reader in = {.set = set,
               .source = source,
               .labelled = !source->label_column || strcmp(source->label_column, "none") != 0};
  ddla_status status = read_all(&in);
  for (int64_t i = 0; i < in.count; i++) ddla_free(in.samples[i].name);
  for (int i = 0; i < in.path_count; i++) ddla_free(in.paths[i]);
  ddla_free(in.samples);
  ddla_free(in.paths);
  ddla_free(in.ends);
  ddla_free(in.keys.slots);
  ddla_free(in.now);
  return status;
}

/* Archives and no directories: where these lie too, the archives may be what they came in. */
static bool holds_archives(const char *path) {
  DIR *folder = opendir(path);
  bool found = false, divided = false;
  if (!folder) return false;
  for (struct dirent *entry; !divided && (entry = readdir(folder));) {
    char inside[DDLA_DATA_PATH_BYTES];
    if (entry->d_name[0] == '.') continue;
    found |= is_archive(entry->d_name);
    divided = ddla_data_path(inside, "%s/%s", path, entry->d_name) != DDLA_OK ||
              ddla_data_is_directory(inside);
  }
  closedir(folder);
  return found && !divided;
}

/* Of a directory a part of its own, or archives that name the part. */
static bool webdataset_has_part(const ddla_data_source *source) {
  char path[DDLA_DATA_PATH_BYTES];
  ddla_listing names = {0};
  if (!ddla_data_is_directory(source->path)) return false;
  if (ddla_listing_find_part(path, source, source->part)) return true;
  if (ddla_listing_read(&names, source->path) != DDLA_OK) return false;
  const tally found = count_archives(&names, source->part);
  ddla_listing_fini(&names);
  return found.of_part > 0;
}

static bool webdataset_accepts(const ddla_data_source *source) {
  char path[DDLA_DATA_PATH_BYTES];
  uint8_t head[DDLA_TAR_BLOCK];
  if (ddla_data_is_file(source->path))
    return is_archive(source->path) ||
           ddla_tar_is_header(head, ddla_data_file_peek(head, sizeof head, source->path));
  if (!ddla_data_is_directory(source->path)) return false;
  for (int p = DDLA_DATA_TRAIN; p <= DDLA_DATA_TEST; p++)
    if (ddla_listing_find_part(path, source, (ddla_data_part)p) && holds_archives(path))
      return true;
  return holds_archives(source->path);
}

const ddla_data_format ddla_data_format_webdataset = {
    .name = "webdataset",
    .looks_for = "an archive .tar, .tar.gz or .tgz of images and labels, or a directory of such",
    .accepts = webdataset_accepts,
    .has_part = webdataset_has_part,
    .read = webdataset_read};
