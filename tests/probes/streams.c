/* Streams without a descriptor return to their start: none of them is ours, and errno stays as it was. */
#include "probe.h"

static void back(const char *label, FILE *stream) {
    fpos_t start;
    char line[32] = "";
    fgetpos(stream, &start);
    errno = UNTOUCHED, rewind(stream);
    printf("%s: rewind %s", label, error_name(errno));
    errno = UNTOUCHED;
    int result = fseek(stream, 0, SEEK_SET);
    printf(", fseek %d %s", result, error_name(errno));
    errno = UNTOUCHED, result = fsetpos(stream, &start);
    printf(", fsetpos %d %s", result, error_name(errno));
    printf(", reads %s\n", fgets(line, sizeof line, stream) ? line : "nothing");
    fclose(stream);
}

int main(void) {
    char text[] = "MemTotal: 1 kB";
    size_t size = 0;
    char *made = NULL;
    back("fmemopen", fmemopen(text, sizeof text - 1, "r"));
    back("open_memstream", open_memstream(&made, &size));
    return 0;
}
