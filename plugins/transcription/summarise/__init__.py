"""From transcript and facts to drafts for the instructor: pure functions behind the hook `summarisers`."""
