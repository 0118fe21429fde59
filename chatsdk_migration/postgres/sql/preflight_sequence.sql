SELECT EXISTS (SELECT FROM pg_proc WHERE proname = %(function)s)
