"""The map with its search in Milvus: the truth lies in a file or in PostgreSQL, what Milvus holds is made from it."""
