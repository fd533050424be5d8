"""Who is asking: users and how they sign in, staff, sessions, roles and what each may do."""
