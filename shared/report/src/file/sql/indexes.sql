-- Created after the first load, always in this order: the order is part of the file's bytes.
CREATE INDEX attempts_by_id ON attempts (attempt_id);
CREATE INDEX attempts_by_enrollment ON attempts (enrollment_no);
CREATE INDEX attempts_by_row ON attempts (catalogue_row) WHERE catalogue_row IS NOT NULL;
CREATE INDEX attempts_by_user ON attempts (user_principal_name_word) WHERE user_principal_name_word IS NOT NULL;
CREATE INDEX attempts_by_user_id ON attempts (user_id_word) WHERE user_id_word IS NOT NULL;
CREATE INDEX enrollments_by_key ON enrollments (enrollment_key);
CREATE INDEX enrollments_active ON enrollments (active_since) WHERE active_since IS NOT NULL;
CREATE INDEX esp_sessions_by_id ON esp_sessions (session_id);
CREATE INDEX esp_sessions_by_enrollment ON esp_sessions (enrollment_no);
CREATE INDEX esp_sessions_by_user ON esp_sessions (user_principal_name_word) WHERE user_principal_name_word IS NOT NULL;
CREATE INDEX esp_sessions_by_user_id ON esp_sessions (user_id_word) WHERE user_id_word IS NOT NULL;
CREATE INDEX failures_by_time ON failures (failed_at);
CREATE INDEX failures_of_devices ON failures (enrollment_no) WHERE subject_id = 3;
CREATE INDEX device_sources_left ON device_sources (left_at) WHERE left_at IS NOT NULL;
CREATE INDEX refresh_state_due ON refresh_state (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX refresh_state_expiry ON refresh_state (expires_at) WHERE expires_at IS NOT NULL;
