SELECT namespace FROM deleted_task WHERE id = ?1;
