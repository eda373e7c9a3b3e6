/* Certifies one image with the C library:
 *
 *     certify MODEL.rfm IMAGE [N0 N [SEED]]
 *
 * IMAGE is a binary PPM (P6) or the bare bytes, channel by channel. N0 samples choose the class (0: the N do), N are
 * counted, as a table of the model has them; 100 and 1000 if not given. SEED is 64 hexadecimal digits, otherwise the
 * system's generator is asked. Prints the class, votes per class, soft scores of ten samples, and the L2 radius in units of
 * 2^-20 pixel (and in pixels). Exit status: 0 certified or abstained, 1 an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ringfence.h"

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "error: %s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, ringfence_status status)
{
    if (status != RINGFENCE_STATUS_OK)
        fail(what, ringfence_status_message(status));
}

/* A whole file, in memory of malloc. */
static uint8_t *load(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        fail(path, "cannot be read");
    long size = ftell(file);
    rewind(file);
    uint8_t *bytes = size > 0 ? malloc((size_t)size) : NULL;
    if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size)
        fail(path, "cannot be read");
    fclose(file);
    *length = (size_t)size;
    return bytes;
}

/* A picture of the model's shape: what its header says, or the bare bytes. */
static ringfence_image view(const uint8_t *file, size_t length, const ringfence_info *info)
{
    ringfence_image image = {.pixels = file, .length = length, .channels = info->channels,
                             .height = info->height, .width = info->width, .layout = RINGFENCE_LAYOUT_CHW};
    char header[64] = "";
    int start = 0;
    memcpy(header, file, length < 63 ? length : 63);
    if (sscanf(header, "P6 %u %u 255%n", &image.width, &image.height, &start) == 2 && start > 0) {
        start++; /* one white space */
        image.pixels += start;
        image.length -= (size_t)start;
        image.channels = 3;
        image.layout = RINGFENCE_LAYOUT_HWC;
    }
    return image;
}

static ringfence_seed seed_of(const char *digits)
{
    ringfence_seed seed;
    FILE *source = digits ? NULL : fopen("/dev/urandom", "rb");
    if (!digits && (!source || fread(seed.bytes, 1, sizeof seed.bytes, source) != sizeof seed.bytes))
        fail("/dev/urandom", "cannot be read");
    for (size_t i = 0; digits && i < sizeof seed.bytes; i++) {
        unsigned byte;
        if (strlen(digits) != 2 * sizeof seed.bytes || sscanf(digits + 2 * i, "%2x", &byte) != 1)
            fail("seed", "64 hexadecimal digits expected");
        seed.bytes[i] = (uint8_t)byte;
    }
    if (source)
        fclose(source);
    return seed;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 5 && argc != 6)
        fail("usage", "certify MODEL.rfm IMAGE [N0 N [SEED]]");
    ringfence_budget budget = {.n0 = 100, .n = 1000, .alpha = 0.001};
    if (argc > 3) {
        budget.n0 = (uint32_t)strtoul(argv[3], NULL, 10);
        budget.n = (uint32_t)strtoul(argv[4], NULL, 10);
    }
    budget.method = budget.n0 ? RINGFENCE_METHOD_TWO_STAGE : RINGFENCE_METHOD_SINGLE_STAGE;
    ringfence_seed seed = seed_of(argc > 5 ? argv[5] : NULL);

    size_t model_length, image_length;
    uint8_t *model_file = load(argv[1], &model_length), *image_file = load(argv[2], &image_length);
    ringfence_model model;
    ringfence_info info;
    check(argv[1], ringfence_model_parse(model_file, model_length, &model));
    check(argv[1], ringfence_model_info(&model, &info));
    ringfence_image image = view(image_file, image_length, &info);

    /* Room for eight samples side by side; one would do. */
    ringfence_smoother smoother = {.model = &model};
    check("arena", ringfence_arena_bytes(&model, 8, &smoother.arena_bytes));
    smoother.arena = malloc(smoother.arena_bytes);
    if (!smoother.arena)
        fail("arena", "not enough memory");
    ringfence_outcome outcome;
    check(argv[2], ringfence_certify(&smoother, &image, &seed, &budget, &outcome));

    ringfence_verdict verdict;
    check(argv[2], ringfence_vote(&smoother, &image, &seed, 10, RINGFENCE_VOTE_KIND_SOFT, &verdict));

    const char *name;
    size_t name_length;
    check("class", ringfence_class_name(&model, outcome.class_index, &name, &name_length));
    printf("class %u (%.*s)\ncounts", (unsigned)outcome.class_index, (int)name_length, name);
    for (uint32_t class = 0; class < outcome.classes; class++)
        printf(" %u", (unsigned)outcome.counts[class]);
    printf("\nscores");
    for (uint32_t class = 0; class < verdict.classes; class++)
        printf(" %llu", (unsigned long long)verdict.scores[class]);
    if (outcome.decision == RINGFENCE_DECISION_CERTIFIED)
        printf("\ncertified radius %u (%f)\n", (unsigned)outcome.radius, RINGFENCE_RADIUS_PIXELS(outcome.radius));
    else
        printf("\nabstained\n");
    free(smoother.arena);
    free(image_file);
    free(model_file);
    return 0;
}
