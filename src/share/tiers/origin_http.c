/* Ranges of files by HTTP. Connections are kept and used again, one request at a time on each. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "share/tiers/origin_parts.h"

enum {
  TRIES = 5,
  PAUSE_MS = 100, /* before the second try; each further one waits twice as long */
  CONNECT_S = 10,
  SILENT_S = 20,      /* an answer of which nothing comes for so long has broken off; */
  SLOW_BYTES = 1000,  /* or less than this in a second */
  PAGE_BYTES = 65536, /* of an error page, at most */
  HOST_BYTES = 256,
  URL_BYTES = DDLA_DATA_PATH_BYTES + 128
};

ddla_status ddla_origin_http_start(void) {
  const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code == CURLE_OK) return DDLA_OK;
  return DDLA_FAIL(UNSUPPORTED, "HTTP cannot be used: %s", curl_easy_strerror(code));
}

static CURL *take_connection(ddla_origin *origin) {
  CURL *found = NULL;
  pthread_mutex_lock(&origin->lock);
  if (origin->idle_count > 0) found = origin->idle[--origin->idle_count];
  pthread_mutex_unlock(&origin->lock);
  return found ? found : curl_easy_init();
}

static void give_connection(ddla_origin *origin, CURL *curl) {
  bool kept = false;
  curl_easy_reset(curl); /* options; the connection stays */
  pthread_mutex_lock(&origin->lock);
  if (origin->idle_count < DDLA_ORIGIN_CONNECTIONS) {
    origin->idle[origin->idle_count++] = curl;
    kept = true;
  }
  pthread_mutex_unlock(&origin->lock);
  if (!kept) curl_easy_cleanup(curl);
}

void ddla_origin_http_close(ddla_origin *origin) {
  while (origin->idle_count > 0) curl_easy_cleanup(origin->idle[--origin->idle_count]);
}

/* An answer's bytes as they come. */
typedef struct answer {
  ddla_origin *origin;
  CURL *curl;
  char *out;
  size_t bytes, got; /* wanted, and there */
  uint64_t first;    /* of the file, that is wanted */
  size_t page;       /* bytes of an error page */
  bool refused;      /* it was not the range that was asked for */
} answer;

static size_t take_bytes(char *from, size_t size, size_t count, void *argument) {
  answer *a = argument;
  const size_t bytes = size * count;
  long code = 0;
  curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &code);
  if (code >= 300) { /* what an error page says is not looked at */
    a->page += bytes;
    return a->page <= PAGE_BYTES ? bytes : 0;
  }
  a->refused |= code != 206 || bytes > a->bytes - a->got;
  if (a->refused) return 0;
  memcpy(a->out + a->got, from, bytes);
  a->got += bytes;
  return bytes;
}

/* A range may be another one than was asked for. */
static size_t take_header(char *from, size_t size, size_t count, void *argument) {
  static const char name[] = "content-range: bytes ";
  answer *a = argument;
  char line[128] = "";
  uint64_t first = 0;
  const size_t bytes = size * count;
  memcpy(line, from, bytes < sizeof line ? bytes : sizeof line - 1);
  if (strncasecmp(line, name, sizeof name - 1) != 0) return bytes;
  if (sscanf(line + sizeof name - 1, "%" SCNu64, &first) == 1) a->refused |= first != a->first;
  return bytes;
}

static int look_up(void *argument, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  const ddla_origin *origin = argument;
  (void)a, (void)b, (void)c, (void)d;
  return atomic_load(&origin->stopped);
}

/* Whose word is taken for a server's name: the system's authorities, or those that the variables of
 * OpenSSL name, which the library by itself does not look at. */
static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value && value[0] ? value : NULL;
}

static void set_authorities(CURL *curl) {
  const char *file = variable("SSL_CERT_FILE"), *directory = variable("SSL_CERT_DIR");
  if (file) curl_easy_setopt(curl, CURLOPT_CAINFO, file);
  if (directory) curl_easy_setopt(curl, CURLOPT_CAPATH, directory);
}

static void set_up(CURL *curl, ddla_origin *origin, const char *url, char *error) {
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENT_S);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_up);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, origin);
  set_authorities(curl);
}

/* What one try came to. */
typedef struct outcome {
  CURLcode code;
  long status;    /* HTTP's */
  bool refused;   /* not the range */
  size_t got;     /* bytes of the range */
  int64_t length; /* of the file, where that was asked */
  int tries;
  char host[HOST_BYTES]; /* that was asked last: there are redirections */
  char words[CURL_ERROR_SIZE];
} outcome;

static void name_host(char out[HOST_BYTES], CURL *curl) {
  const char *url = NULL;
  char *host = NULL;
  CURLU *parts = curl_url();
  snprintf(out, HOST_BYTES, "the server");
  curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url);
  if (parts && url && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
    snprintf(out, HOST_BYTES, "%s", host);
  curl_free(host);
  curl_url_cleanup(parts);
}

static outcome try_once(ddla_origin *origin, CURL *curl, const char *url, answer *to,
                        const char *range) {
  outcome made = {.length = -1};
  curl_off_t length = -1;
  set_up(curl, origin, url, made.words);
  if (range) {
    to->got = to->page = 0;
    to->curl = curl;
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, to);
    curl_easy_setopt(curl, CURLOPT_RANGE, range);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, to);
  } else {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  }
  made.code = curl_easy_perform(curl);
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &made.status);
  curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  made.length = length;
  if (range && to->page > PAGE_BYTES) made.code = CURLE_OK; /* its status says enough */
  if (range) made.refused = to->refused, made.got = to->got;
  name_host(made.host, curl);
  if (!made.words[0]) snprintf(made.words, sizeof made.words, "%s", curl_easy_strerror(made.code));
  return made;
}

/* Whether it may go better another time. */
static bool may_pass(const outcome *o) {
  if (o->refused) return false;
  if (o->code == CURLE_UNSUPPORTED_PROTOCOL || o->code == CURLE_URL_MALFORMAT ||
      o->code == CURLE_PEER_FAILED_VERIFICATION || o->code == CURLE_SSL_CACERT_BADFILE ||
      o->code == CURLE_TOO_MANY_REDIRECTS)
    return false;
  return o->code != CURLE_OK || o->status >= 500 || o->status == 429 || o->status == 408;
}

static void pause_before(int try) {
  const int64_t ms = (int64_t)PAUSE_MS << (try - 1);
  const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

static ddla_status refuse_certificate(const outcome *o, const char *url) {
  const char *file = variable("SSL_CERT_FILE"), *directory = variable("SSL_CERT_DIR");
  if (o->code == CURLE_SSL_CACERT_BADFILE)
    return DDLA_FAIL(INVALID,
                     "cannot read %s: no certificates of authorities can be read from %s%s%s; set "
                     "SSL_CERT_FILE to a file of them (PEM), or unset it",
                     url,
                     file        ? file
                     : directory ? directory
                                 : "the system's store",
                     file && directory ? " or " : "", file && directory ? directory : "");
  return DDLA_FAIL(
      INVALID,
      "cannot read %s: the certificate of %s is not accepted: %s; use the name and the "
      "time that it is for, or where an authority of your own has signed it, set "
      "SSL_CERT_FILE to the file of the authority's certificate (PEM)",
      url, o->host, o->words);
}

/* A request, as often as it takes. range: null asks for the length alone. */
static ddla_status ask(outcome *out, ddla_origin *origin, const char *url, answer *to,
                       const char *range) {
  CURL *curl = take_connection(origin);
  if (!curl) return DDLA_FAIL(NO_MEMORY, "no memory for a connection to %s", url);
  for (int t = 0; t < TRIES; t++) {
    if (t > 0) pause_before(t);
    *out = try_once(origin, curl, url, to, range);
    out->tries = t + 1;
    const bool short_of =
        range && out->code == CURLE_OK && out->status == 206 && out->got < to->bytes;
    if (atomic_load(&origin->stopped) || (!may_pass(out) && !short_of)) break;
  }
  give_connection(origin, curl);
  if (atomic_load(&origin->stopped)) return DDLA_FAIL(INTERRUPTED, "reading %s was stopped", url);
  if (out->refused)
    return DDLA_FAIL(INVALID,
                     "%s: the server does not answer with the range of bytes that is asked for "
                     "(status %ld); samples are fetched by ranges",
                     url, out->status);
  if (out->code == CURLE_PEER_FAILED_VERIFICATION || out->code == CURLE_SSL_CACERT_BADFILE)
    return refuse_certificate(out, url);
  if (out->code != CURLE_OK)
    return DDLA_FAIL(IO, "cannot read %s, tried %d times: %s", url, out->tries, out->words);
  if (out->status == 401 || (range && out->status == 403)) /* of what is not there, too */
    return DDLA_FAIL(INVALID, "cannot read %s: the server says %ld, no permission", url,
                     out->status);
  if (out->status >= 300 && out->status != 403 && out->status != 404 && out->status != 410 &&
      out->status != 416)
    return DDLA_FAIL(IO, "cannot read %s, tried %d times: the server says %ld", url, out->tries,
                     out->status);
  return DDLA_OK;
}

static ddla_status make_url(char out[URL_BYTES], const ddla_origin *origin, const char *name) {
  const int bytes = snprintf(out, URL_BYTES, "%s/%s", origin->path, name);
  if (bytes < URL_BYTES) return DDLA_OK;
  return DDLA_FAIL(INVALID, "the address %.60s... is too long", origin->path);
}

ddla_status ddla_origin_http_read(ddla_origin *origin, void *out, const char *name, uint64_t offset,
                                  size_t bytes) {
  char url[URL_BYTES], range[64];
  answer to = {.origin = origin, .out = out, .bytes = bytes, .first = offset};
  outcome found = {0};
  if (bytes == 0) return DDLA_OK;
  DDLA_TRY(make_url(url, origin, name));
  snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, offset, offset + bytes - 1);
  DDLA_TRY(ask(&found, origin, url, &to, range));
  if (found.status == 404 || found.status == 410)
    return DDLA_FAIL(INVALID, "cannot read %s: the server says %ld, there is no such file", url,
                     found.status);
  if (found.status == 416 || found.got < bytes)
    return DDLA_FAIL(CORRUPT, "%s ends at byte %" PRIu64 ", where more were to come", url,
                     offset + (found.status == 416 ? 0 : found.got));
  return DDLA_OK;
}

ddla_status ddla_origin_http_size(ddla_origin *origin, bool *there, uint64_t *bytes,
                                  const char *name) {
  char url[URL_BYTES];
  outcome found = {0};
  DDLA_TRY(make_url(url, origin, name));
  DDLA_TRY(ask(&found, origin, url, NULL, NULL));
  *there = found.status == 200;
  *bytes = found.length > 0 ? (uint64_t)found.length : 0;
  return DDLA_OK;
}
