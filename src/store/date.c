#include "store/date.h"

#define DAY (86400 * USEC_PER_SEC)

/* Days since 1970 that a time lies in, also before it. */
static int64_t day_of(usec t)
{
	return t / DAY - (t % DAY < 0);
}

/* The civil date of a day, counted in years that begin in March, so that a leap day is the last of its year. */
static void write_day(int64_t day, struct buf *out)
{
	int64_t shifted = day + 719468; /* since 0000-03-01 */
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t of_era = shifted - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;
	int day_of_month = (int)(of_year - (153 * month + 2) / 5 + 1);

	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	buf_printf(out, "%04d-%02d-%02d", (int)year, (int)month, day_of_month);
}

void store_date_write_clock(usec t, struct buf *out)
{
	int64_t ms = (t - day_of(t) * DAY) / USEC_PER_MS;

	buf_printf(out, "%02d:%02d:%02d.%03d", (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
		   (int)(ms % 1000));
}

void store_date_write(usec t, struct buf *out)
{
	write_day(day_of(t), out);
	buf_put_char(out, ' ');
	store_date_write_clock(t, out);
}

void store_date_write_span(usec span, struct buf *out)
{
	if (span < 0)
		buf_put_char(out, '-');
	int64_t ms = (span < 0 ? -span : span) / USEC_PER_MS;
	int64_t seconds = ms / 1000;
	int rest = (int)(ms % 1000);

	if (seconds < 60)
		buf_printf(out, "%d.%03d s", (int)seconds, rest);
	else if (seconds < 3600)
		buf_printf(out, "%d:%02d.%03d", (int)(seconds / 60), (int)(seconds % 60), rest);
	else
		buf_printf(out, "%lld:%02d:%02d.%03d", (long long)(seconds / 3600), (int)(seconds / 60 % 60),
			   (int)(seconds % 60), rest);
}
