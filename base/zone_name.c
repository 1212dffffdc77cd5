/* base/zone_name.c -- zone abbreviations that log stamps carry.
 * Source: the abbreviations in use in the IANA tz database. An abbreviation names an offset, not a
 * place: CEST is +02:00 whatever the date says. */
#include "base/zone.h"

#define HOURS(hours) ((hours) * 60)
#define AMBIGUOUS    true

static const struct zone_abbreviation {
    char name[8]; /* padded with zeros: compared as one word */
    int16_t offset_minutes;
    bool ambiguous; /* the offset is that of the first place named */
} abbreviations[] = {
    {"UTC", 0, false},
    {"GMT", 0, false},
    {"Z", 0, false},
    {"UCT", 0, false},
    {"WET", 0, false},
    {"WEST", HOURS(1), false},
    {"CET", HOURS(1), false},
    {"CEST", HOURS(2), false},
    {"MET", HOURS(1), false},
    {"MEST", HOURS(2), false},
    {"EET", HOURS(2), false},
    {"EEST", HOURS(3), false},
    {"MSK", HOURS(3), false},
    {"BST", HOURS(1), AMBIGUOUS}, /* Britain in summer; Bangladesh, Bougainville */
    {"IST", 330, AMBIGUOUS},      /* India; Ireland in summer, Israel */
    {"IDT", HOURS(3), false},
    {"PKT", HOURS(5), false},
    {"NPT", 345, false},
    {"WAT", HOURS(1), false},
    {"CAT", HOURS(2), false},
    {"SAST", HOURS(2), false},
    {"EAT", HOURS(3), false},
    {"WIB", HOURS(7), false},
    {"WITA", HOURS(8), false},
    {"WIT", HOURS(9), false},
    {"HKT", HOURS(8), false},
    {"PST", HOURS(-8), AMBIGUOUS}, /* North America; Philippines */
    {"PDT", HOURS(-7), false},
    {"MST", HOURS(-7), AMBIGUOUS}, /* North America; Malaysia, Myanmar */
    {"MDT", HOURS(-6), false},
    {"CST", HOURS(-6), AMBIGUOUS}, /* North America; China, Cuba */
    {"CDT", HOURS(-5), AMBIGUOUS}, /* North America; Cuba */
    {"EST", HOURS(-5), AMBIGUOUS}, /* North America; eastern Australia */
    {"EDT", HOURS(-4), AMBIGUOUS},
    {"AST", HOURS(-4), AMBIGUOUS}, /* Atlantic; Arabia */
    {"ADT", HOURS(-3), false},
    {"NST", -210, false},
    {"NDT", -150, false},
    {"AKST", HOURS(-9), false},
    {"AKDT", HOURS(-8), false},
    {"HST", HOURS(-10), false},
    {"SST", HOURS(-11), AMBIGUOUS}, /* Samoa; Singapore */
    {"BRT", HOURS(-3), false},
    {"ART", HOURS(-3), false},
    {"JST", HOURS(9), false},
    {"KST", HOURS(9), false},
    {"SGT", HOURS(8), false},
    {"PHT", HOURS(8), false},
    {"AWST", HOURS(8), false},
    {"ACST", 570, false},
    {"ACDT", 630, false},
    {"AEST", HOURS(10), false},
    {"AEDT", HOURS(11), false},
    {"NZST", HOURS(12), false},
    {"NZDT", HOURS(13), false},
};

/* All end in T but UTC, Z and MSK: this keeps the words that stand behind stamps without a zone
 * (INFO, ERROR, LOG) out of the table on every line. */
static bool may_be_zone(struct slice word)
{
    char last;

    if (word.len == 0 || word.len > 5)
        return false;
    last = word.data[word.len - 1];
    return last == 'T' || last == 'C' || last == 'Z' || last == 'K';
}

bool zone_name_offset(struct slice abbreviation, int32_t *offset_s, bool *ambiguous)
{
    char padded[sizeof(abbreviations[0].name)] = {0};

    if (!may_be_zone(abbreviation))
        return false;
    memcpy(padded, abbreviation.data, abbreviation.len);
    for (size_t i = 0; i < COUNT_OF(abbreviations); i++) {
        const struct zone_abbreviation *row = &abbreviations[i];

        if (memcmp(padded, row->name, sizeof(padded)) != 0)
            continue;
        *offset_s = row->offset_minutes * 60;
        *ambiguous = row->ambiguous;
        return true;
    }
    return false;
}
