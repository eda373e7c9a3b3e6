// ringfence: certified image classification on small devices.
//
// Parse a model, give it memory, certify images:
//
//   ringfence_model model;
//   ringfence_model_parse(file, file_length, &model);
//   ringfence_smoother smoother = {.model = &model, .arena = arena, .arena_bytes = sizeof arena};
//   ringfence_image image = {.pixels = pixels, .length = 3072, .channels = 3, .height = 32, .width = 32};
//   ringfence_budget budget = {.method = RINGFENCE_METHOD_TWO_STAGE, .n0 = 100, .n = 1000, .alpha = 0.001};
//   ringfence_outcome outcome;
//   ringfence_status status = ringfence_certify(&smoother, &image, &seed, &budget, &outcome);
//
// Memory: the library allocates nothing, keeps nothing and has no global state. All memory is the caller's; what a struct
// points to must live as long as the struct is used.
//
// Errors: every function answers with a status. Null and misaligned pointers, lengths, shapes, overlaps, unknown numbers
// and any bytes for a model file are such errors and never faults. What no library can see, it does not: pointers to memory
// that is not there, or structs of arbitrary bytes where a parsed model or a begun run is expected.
//
// Threads: functions may run at the same time, in interrupts too, as long as no two of them write the same memory. A model
// is only read after it was parsed; arenas, runs and results belong to one thread at a time.
//
// Numbers: integers only. The doubles in structs are for display or compared bit for bit; the library does not compute with
// them. Counts, classes and radii are the same, bit for bit, on every machine.
//
// Written by cbindgen from runtime/src/ffi; do not edit.

#ifndef RINGFENCE_H
#define RINGFENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A radius in pixels of full scale 1, exactly, for display on a host: no claim depends on it.
#define RINGFENCE_RADIUS_PIXELS(radius) ((double)(radius) / RINGFENCE_RADIUS_ONE)


// Words of a `ringfence_model`.
#define RINGFENCE_MODEL_WORDS 104

// Most samples that run together.
#define RINGFENCE_MAX_BATCH 16

// Most classes of a model: entries of each list of votes.
#define RINGFENCE_MAX_CLASSES 128

// Radius units in one pixel of full scale 1, that is 255 steps of a byte.
#define RINGFENCE_RADIUS_ONE 1048576

// Words of a `ringfence_run`.
#define RINGFENCE_RUN_WORDS 168

// What a call answers. Anything but RINGFENCE_STATUS_OK means that no result was written, with the one exception that
// `ringfence_model_parse` and `ringfence_run_begin` mark their struct as not usable.
enum ringfence_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  RINGFENCE_STATUS_OK = 0,
  // A pointer is null.
  RINGFENCE_STATUS_NULL_POINTER = 1,
  // A struct does not lie at a multiple of its alignment.
  RINGFENCE_STATUS_MISALIGNED = 2,
  // A length is larger than memory.
  RINGFENCE_STATUS_LENGTH = 3,
  // The arena shares bytes with the image, the model or the run.
  RINGFENCE_STATUS_OVERLAP = 4,
  // No model was parsed into this struct.
  RINGFENCE_STATUS_NOT_PARSED = 5,
  // No run was begun in this struct.
  RINGFENCE_STATUS_NOT_BEGUN = 6,
  // The model file ends too early.
  RINGFENCE_STATUS_TRUNCATED = 7,
  // Bytes follow the model file.
  RINGFENCE_STATUS_TRAILING_BYTES = 8,
  // Not a model file.
  RINGFENCE_STATUS_MAGIC = 9,
  // A format version that this library does not read.
  RINGFENCE_STATUS_VERSION = 10,
  // The model file was altered.
  RINGFENCE_STATUS_CHECKSUM = 11,
  // A part of the model file contradicts the format.
  RINGFENCE_STATUS_MALFORMED = 12,
  // The image does not have the model's channels, height and width.
  RINGFENCE_STATUS_IMAGE_SHAPE = 13,
  // The image does not have as many bytes as its shape.
  RINGFENCE_STATUS_IMAGE_LENGTH = 14,
  // The arena does not hold a single sample, see `ringfence_arena_bytes`.
  RINGFENCE_STATUS_ARENA_TOO_SMALL = 15,
  // A number that stands for no layout, generator, vote or method.
  RINGFENCE_STATUS_UNKNOWN_VALUE = 16,
  // The library has no backend of this name, or this CPU cannot run it.
  RINGFENCE_STATUS_BACKEND = 17,
  // The model has no certificate table for exactly this budget.
  RINGFENCE_STATUS_NO_TABLE = 18,
  // The method of the budget does not serve here.
  RINGFENCE_STATUS_METHOD = 19,
  // A vote of no samples.
  RINGFENCE_STATUS_NO_SAMPLES = 20,
  // The run has samples left to draw.
  RINGFENCE_STATUS_UNFINISHED = 21,
  // There is no class or table of this index.
  RINGFENCE_STATUS_INDEX = 22,
  // An internal contradiction; never seen for a parsed model.
  RINGFENCE_STATUS_INTERNAL = 23,
  // A model of adaptive smoothing, which this interface does not run.
  RINGFENCE_STATUS_ADAPTIVE = 24,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ringfence_status ringfence_status;
#else
typedef uint32_t ringfence_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a certification ends with.
enum ringfence_decision
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nothing is claimed: the votes were not clear enough.
  RINGFENCE_DECISION_ABSTAINED = 0,
  // With probability at least 1 - alpha over the noise, the smoothed classifier gives this class for every image
  // whose L2 distance is below the radius.
  RINGFENCE_DECISION_CERTIFIED = 1,
  // With probability at least 1 - alpha over the noise, no class is likely enough for the target radius to be proved by
  // any number of votes (sequential budgets only).
  RINGFENCE_DECISION_REFUTED = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ringfence_decision ringfence_decision;
#else
typedef uint32_t ringfence_decision;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What noise is drawn from, for `ringfence_smoother.generator`. The votes depend on it.
enum ringfence_generator
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // xoshiro128++ in lanes, seeded by ChaCha8: fast.
  RINGFENCE_GENERATOR_XOSHIRO = 0,
  // ChaCha8 itself: also where some of the noise may become known.
  RINGFENCE_GENERATOR_CHACHA8 = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ringfence_generator ringfence_generator;
#else
typedef uint32_t ringfence_generator;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How pixels are stored, for `ringfence_image.layout`.
enum ringfence_layout
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Channel by channel.
  RINGFENCE_LAYOUT_CHW = 0,
  // Row by row, the channels of a pixel together.
  RINGFENCE_LAYOUT_HWC = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ringfence_layout ringfence_layout;
#else
typedef uint32_t ringfence_layout;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How votes are used, for `ringfence_budget.method`.
enum ringfence_method
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // n0 samples choose the class, n others are counted.
  RINGFENCE_METHOD_TWO_STAGE = 1,
  // n samples choose the class and are counted.
  RINGFENCE_METHOD_SINGLE_STAGE = 2,
  // n samples decide whether the top class is significantly ahead (`ringfence_predict`).
  RINGFENCE_METHOD_PREDICT = 3,
  // Samples are drawn until it is certain that the target radius is certified or out of reach, at most n.
  RINGFENCE_METHOD_SEQUENTIAL = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ringfence_method ringfence_method;
#else
typedef uint32_t ringfence_method;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a sample gives to each class, for `ringfence_vote`.
enum ringfence_vote_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // 1 to its class.
  RINGFENCE_VOTE_KIND_PREDICTION = 0,
  // 2^(min(classes, 16) - 1 - r) to the class of rank r by logit, nothing from rank 16 on.
  RINGFENCE_VOTE_KIND_WEIGHTED = 1,
  // The softmax of its logits, in units of 2^-16, rounded down.
  RINGFENCE_VOTE_KIND_SOFT = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum ringfence_vote_kind ringfence_vote_kind;
#else
typedef uint32_t ringfence_vote_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A parsed model: a view of the file, some hundred bytes that the caller keeps where it likes.
//
// Made by `ringfence_model_parse`, then only read: any number of threads may share it, and it may be copied. The file
// must stay where it was, unchanged, as long as the struct or a copy is used. Nothing needs to be freed. A struct of zero
// bytes, or one whose parse failed, is recognised (RINGFENCE_STATUS_NOT_PARSED); one of arbitrary bytes is not.
typedef struct ringfence_model {
  // Private.
  uint64_t words[RINGFENCE_MODEL_WORDS];
} ringfence_model;

// A SHA-256 digest.
typedef struct ringfence_sha256 {
  // The digest.
  uint8_t bytes[32];
} ringfence_sha256;

// What a model says of itself.
typedef struct ringfence_info {
  // Channels of an image, 1 to 4.
  uint32_t channels;
  // Rows of an image.
  uint32_t height;
  // Columns of an image.
  uint32_t width;
  // Classes, 2 to RINGFENCE_MAX_CLASSES.
  uint32_t classes;
  // Certificate tables, see `ringfence_table`.
  uint32_t tables;
  // Arena bytes of one sample.
  size_t sample_arena_bytes;
  // Standard deviation of the noise, in pixels of full scale 1. For display: nothing is computed with it.
  double sigma;
  // SHA-256 of the ONNX file that the model was compiled from.
  struct ringfence_sha256 source;
} ringfence_info;

// How many samples, and how sure. A certificate needs a table of the model for exactly these numbers; `ringfence_table`
// lists them.
typedef struct ringfence_budget {
  // A `ringfence_method`.
  uint32_t method;
  // Samples that choose the class (two-stage), else 0.
  uint32_t n0;
  // Samples that are counted; the most of a sequential certification.
  uint32_t n;
  // The radius to certify or refute, in units of 2^-20 pixel (sequential), else 0.
  uint32_t target;
  // The probability of a wrong statement, as 0.001. Compared bit for bit, nothing is computed with it.
  double alpha;
} ringfence_budget;

// An image of bytes, 0 to 255 for 0 to 1. The pixels stay the caller's and must not change during a call, nor between
// `ringfence_run_begin` and the last step of a run.
typedef struct ringfence_image {
  // The pixels, at any address.
  const uint8_t *pixels;
  // Bytes there: channels * height * width.
  size_t length;
  // Channels.
  uint32_t channels;
  // Rows.
  uint32_t height;
  // Columns.
  uint32_t width;
  // A `ringfence_layout`.
  uint32_t layout;
} ringfence_image;

// A model with the memory it works in.
//
// The arena is the caller's, at any address (a multiple of 64 is fastest), of `ringfence_arena_bytes`. It is written by
// every call that classifies and holds nothing between calls, so it may serve other things in the meantime. Threads need an
// arena each. It must not share bytes with the image, the model or a run.
typedef struct ringfence_smoother {
  // A parsed model.
  const struct ringfence_model *model;
  // Memory of the network.
  uint8_t *arena;
  // Bytes there.
  size_t arena_bytes;
  // A `ringfence_generator`.
  uint32_t generator;
  // Name of the backend ("scalar", "avx2", ...), ending with a zero byte; null for the fastest of this CPU. Results do
  // not depend on it.
  const char *backend;
} ringfence_smoother;

// Key of all noise of one certificate: 32 bytes from a hardware generator, which nobody may know before the answer. With
// the same seed the same samples are drawn, so a seed is used for one image only, and kept for the record.
typedef struct ringfence_seed {
  // The key.
  uint8_t bytes[32];
} ringfence_seed;

// The result of a vote.
typedef struct ringfence_verdict {
  // The class with the largest score, the lowest among equals.
  uint32_t class_index;
  // Scores that mean something; the others are 0.
  uint32_t classes;
  // Scores per class.
  uint64_t scores[RINGFENCE_MAX_CLASSES];
} ringfence_verdict;

// The result of PREDICT.
typedef struct ringfence_prediction {
  // Whether the two top classes are too close for an answer.
  bool abstained;
  // The class with most votes; with probability at least 1 - alpha that of the smoothed classifier, unless abstained.
  uint32_t class_index;
  // Counts that mean something; the others are 0.
  uint32_t classes;
  // Votes per class.
  uint32_t counts[RINGFENCE_MAX_CLASSES];
} ringfence_prediction;

// The result of a certification.
typedef struct ringfence_outcome {
  // What is claimed.
  ringfence_decision decision;
  // The class that is certified, or would have been.
  uint32_t class_index;
  // Its votes.
  uint32_t count;
  // Votes that were counted, those that selected a class not among them.
  uint32_t votes;
  // If certified, the radius: an L2 distance in units of 2^-20 pixel of full scale 1, rounded down. If refuted, the
  // radius that is out of reach. Otherwise 0.
  uint32_t radius;
  // Counts that mean something; the others are 0.
  uint32_t classes;
  // Votes per class of those that were counted.
  uint32_t counts[RINGFENCE_MAX_CLASSES];
} ringfence_outcome;

// A certification under way, in memory of the caller.
//
// Made by `ringfence_run_begin`, advanced by `ringfence_run_step`; it may be left or begun anew at any time, nothing needs to be
// freed. Model file, model struct, arena, backend name and image must stay in place, image and model unchanged, until the
// last step. One thread at a time may use it. A struct of zero bytes, or one whose begin failed, is recognised
// (RINGFENCE_STATUS_NOT_BEGUN); one of arbitrary bytes is not.
typedef struct ringfence_run {
  // Private.
  uint64_t words[RINGFENCE_RUN_WORDS];
} ringfence_run;

// How far a run has come.
typedef struct ringfence_progress {
  // Samples done.
  uint64_t done;
  // Samples of the whole run; a sequential one may need fewer.
  uint64_t total;
  // Whether the outcome is there.
  bool finished;
} ringfence_progress;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// A status in words: a string of the library that ends with a zero byte and is never null, whatever the number.
const char *ringfence_status_message(uint32_t status);

// The version of the library, as "0.1.0": a string of the library that ends with a zero byte.
const char *ringfence_version(void);

// Checks a model file of `length` bytes (any bytes are safe to give) and makes `*model` a view of it.
//
// The file may lie anywhere, in flash or in a memory map; at a multiple of 64 it is read fastest. It is checked once,
// here: all later calls rely on it, so it must not change.
//
// # Safety
// `file` points to `length` bytes, `model` to a struct that can be written.
ringfence_status ringfence_model_parse(const uint8_t *file,
                                       size_t length,
                                       struct ringfence_model *model);

// What a model says of itself.
//
// # Safety
// `model` points to a `ringfence_model`, `info` to a struct that can be written.
ringfence_status ringfence_model_info(const struct ringfence_model *model, struct ringfence_info *info);

// The arena bytes with which `batch` samples run side by side. One is enough; more help where weights are many, and more
// than RINGFENCE_MAX_BATCH are not used. Results do not depend on it.
//
// # Safety
// `model` points to a `ringfence_model`, `arena_bytes` to a number that can be written.
ringfence_status ringfence_arena_bytes(const struct ringfence_model *model,
                                       size_t batch,
                                       size_t *arena_bytes);

// The name of a class: `*length` bytes of UTF-8 in the model file, without a zero byte at the end.
//
// # Safety
// `model` points to a `ringfence_model`, `name` and `length` to a pointer and a number that can be written.
ringfence_status ringfence_class_name(const struct ringfence_model *model,
                                      uint32_t class_index,
                                      const char **name,
                                      size_t *length);

// SHA-256 of the model file, for records.
//
// # Safety
// `model` points to a `ringfence_model`, `sha256` to a struct that can be written.
ringfence_status ringfence_model_sha256(const struct ringfence_model *model, struct ringfence_sha256 *sha256);

// The budget that certificate table `index` of a model serves (one of PREDICT serves smaller n as well).
//
// # Safety
// `model` points to a `ringfence_model`, `budget` to a struct that can be written.
ringfence_status ringfence_table(const struct ringfence_model *model,
                                 uint32_t index,
                                 struct ringfence_budget *budget);

// SHA-256 of an image's pixels, channel by channel whatever the layout, for records.
//
// # Safety
// `image` points to an image whose pixels can be read, `sha256` to a struct that can be written.
ringfence_status ringfence_image_sha256(const struct ringfence_image *image, struct ringfence_sha256 *sha256);

// The network's class of the image itself: one pass without noise, nothing is proved about it.
//
// # Safety
// `smoother` and `image` point to structs as described there, `class_index` to a number that can be written.
ringfence_status ringfence_classify(const struct ringfence_smoother *smoother,
                                    const struct ringfence_image *image,
                                    uint32_t *class_index);

// The class that `n` noisy samples elect, without a certificate.
//
// # Safety
// `smoother`, `image` and `seed` point to structs as described there, `verdict` to a struct that can be written.
ringfence_status ringfence_vote(const struct ringfence_smoother *smoother,
                                const struct ringfence_image *image,
                                const struct ringfence_seed *seed,
                                uint32_t n,
                                uint32_t vote,
                                struct ringfence_verdict *verdict);

// PREDICT of Cohen et al. (2019): the smoothed classifier's class, or an abstention, from `budget->n` samples and a table of
// the model for at least as many.
//
// # Safety
// `smoother`, `image`, `seed` and `budget` point to structs as described there, `prediction` to a struct that can be
// written.
ringfence_status ringfence_predict(const struct ringfence_smoother *smoother,
                                   const struct ringfence_image *image,
                                   const struct ringfence_seed *seed,
                                   const struct ringfence_budget *budget,
                                   struct ringfence_prediction *prediction);

// Certifies an image in one call: `budget->n0 + budget->n` passes of the network, fewer if sequential. To be interrupted,
// see `ringfence_run_begin`.
//
// # Safety
// `smoother`, `image`, `seed` and `budget` point to structs as described there, `outcome` to a struct that can be written.
ringfence_status ringfence_certify(const struct ringfence_smoother *smoother,
                                   const struct ringfence_image *image,
                                   const struct ringfence_seed *seed,
                                   const struct ringfence_budget *budget,
                                   struct ringfence_outcome *outcome);

// Begins a certification: everything is checked and kept in `*run`, no sample is drawn yet.
//
// # Safety
// `smoother`, `image`, `seed` and `budget` point to structs as described there, `run` to a struct that can be written.
ringfence_status ringfence_run_begin(const struct ringfence_smoother *smoother,
                                     const struct ringfence_image *image,
                                     const struct ringfence_seed *seed,
                                     const struct ringfence_budget *budget,
                                     struct ringfence_run *run);

// Draws up to `samples` more samples, never more: a step of k samples takes k times as long as a step of one. So a deadline
// is a number of samples, spent in steps. `*finished` becomes true when none are left to draw. However the samples are cut
// into steps, the outcome is the same. After an error the run is as before the step, or has done a part of its samples.
//
// # Safety
// `run` points to a struct that `ringfence_run_begin` made, whose model, arena and image are still there; `finished` to a bool that
// can be written.
ringfence_status ringfence_run_step(struct ringfence_run *run,
                                    uint32_t samples,
                                    bool *finished);

// How far a run has come.
//
// # Safety
// `run` points to a struct that `ringfence_run_begin` made, `progress` to a struct that can be written.
ringfence_status ringfence_run_progress(const struct ringfence_run *run, struct ringfence_progress *progress);

// The outcome of a run that is finished; may be asked for more than once. An unfinished run gives
// RINGFENCE_STATUS_UNFINISHED and claims nothing.
//
// # Safety
// `run` points to a struct that `ringfence_run_begin` made, `outcome` to a struct that can be written.
ringfence_status ringfence_run_finish(const struct ringfence_run *run, struct ringfence_outcome *outcome);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RINGFENCE_H */
