"""The story of a lesson, one file a step. Every change to the domain is one function here.

| step | file | what it does | event | hook | where it is seen |
|---|---|---|---|---|---|
| 1 | schedule | books people and time, writes timers | session.scheduled | on_schedule | coordinator: Today, Calendar |
| 2 | provision | room, personal links, briefing | room.provisioned, lesson.ready | | coordinator: Today, operator: Deliveries |
| 3 | join | who may enter, with which rights | | | Room |
| 4 | live | presence, signals, transcript | participant.joined, session.started, engagement.measured | | coordinator: Today |
| 5 | end | ends, attendance final | session.ended, attendance.finalized | on_session_end | student: Progress |
| 6 | summarise | draft with evidence, coverage | transcript.finalized, summary.changed | on_summary | instructor: Summaries |
| 7 | approve | a person decides | summary.changed | on_summary | instructor: Summaries |
| 8 | notify | families told | family.told, message.sent | | guardian: Home |
| 9 | measure | progress, next briefing | progress.updated, briefing.prepared | | student: Progress, instructor: Home |

Before it: `series` and `series_change` (many lessons at once), `changes`, `asked` and `make_up` (what families do
with theirs), each through the parts of `schedule`; `requests`, `plans` and `planning` (who asks for lessons, one or
many at once).
Between 2 and 3: `staging` (a day before), `readiness` (half an hour before), `reminders`, `feeds` (private calendars),
`courses` (what a course's lessons offer).
Beside the line: `cases` (exceptions), `consent`, `chain` (the order of 5 to 9), `timers` (what the clock does).
"""
