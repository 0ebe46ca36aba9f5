/* A library to load and unload. */
int nothing_of_note;
