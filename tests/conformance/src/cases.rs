//! The list of cases, in one place: for running them all and for declaring a test of each.

/// Hands the list of cases to a macro of this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! with_cases {
    ($then:ident, $($given:expr)?) => {
        $crate::$then! {
            [$($given)?]
            events:
                a_duplicate_changes_nothing_and_costs_no_write,
                a_known_event_may_add_another_name,
                out_of_order_events_land_where_they_belong,
                a_batch_of_one_device_is_one_write,
                concurrent_writers_lose_nothing,
                a_stored_image_decodes_to_what_is_loaded,
                events_that_name_no_device_are_refused;
            links:
                every_order_of_arrival_leads_to_one_enrollment,
                one_event_joins_four_enrollments,
                a_redirect_is_followed_and_not_loaded,
                writes_and_merges_at_once_lose_nothing,
                a_link_to_nothing_is_no_obstacle,
                tenants_do_not_share_devices;
            growth:
                thousands_of_events_fold_like_a_history_in_memory,
                what_is_sealed_is_still_known,
                sealed_enrollments_merge,
                a_full_enrollment_says_so_and_loses_nothing;
            cost:
                events_of_one_attempt,
                links_and_merges,
                a_sweep_with_nothing_due;
            deliveries:
                what_processes_add_is_added_up,
                names_and_deliveries_are_bounded,
                an_addition_is_made_at_most_once;
            due:
                an_abandoned_attempt_is_flagged_once,
                a_moving_attempt_is_due_again_later,
                a_flagged_attempt_that_goes_on_is_due_again,
                what_a_setting_closed_is_cleared,
                an_open_session_is_due,
                two_sweeps_at_once_flag_each_attempt_once,
                a_key_listed_twice_is_settled_once,
                a_corrupt_enrollment_stops_no_other,
                what_is_not_there_is_gone;
            changes:
                without_an_instant_all_have_changed,
                later_writes_are_found,
                a_write_that_lands_late_is_found,
                a_bucket_is_entered_once,
                hundreds_are_loaded_however_often_listed;
            sealing:
                secrets_are_sealed_each_for_its_item,
                only_a_change_of_secrets_seals_anew,
                secrets_in_clear_are_read_and_sealed_when_it_is_time,
                without_the_key_nothing_is_opened_or_lost,
                what_is_moved_elsewhere_does_not_open,
                a_key_is_held_for_hours_and_through_an_outage;
            retention:
                an_enrolled_device_leaves_a_stub,
                what_was_dropped_is_taken_again,
                a_merge_drops_nothing,
                an_attempt_that_goes_on_is_kept,
                pruning_drops_segments_and_makes_room,
                what_has_expired_is_gone_and_may_come_back,
                versions_never_repeat,
                a_stub_knows_its_device,
                segments_expire_when_nobody_names_them;
            instants:
                an_open_attempt_stays_due_whatever_the_clocks,
                no_write_folds_earlier_than_the_one_before;
            limits:
                two_histories_that_one_item_does_not_take_merge,
                what_is_written_can_be_read,
                many_events_that_deflate_well_are_refused_in_time;
            serials:
                two_serial_numbers_are_never_one_device,
                a_serial_number_that_comes_late_keeps_devices_apart,
                circles_of_links_are_cut;
            remembering:
                what_was_written_is_not_read_again,
                a_write_of_another_is_noticed,
                what_seems_known_is_asked_of_the_table;
            refold:
                a_changed_setting_is_folded_into_every_item,
                a_job_goes_on_where_it_stopped,
                a_writer_that_holds_earlier_settings_does_not_set_them_back,
                an_item_created_behind_the_job_is_found,
                the_settings_of_a_version_are_kept;
            formats:
                the_older_format_is_written_until_the_move,
                a_number_that_nobody_knows_is_refused;
            faults:
                throttled_writes_are_not_acknowledged,
                writes_whose_answer_is_lost_count_once,
                failed_writes_are_not_acknowledged,
                failed_reads_are_no_empty_enrollments,
                a_merge_counts_once,
                sealing_survives_every_fault,
                segments_that_move_under_a_writer_are_no_error,
                links_written_at_once_make_no_circle;
            lost:
                a_tenant_is_changed_though_nobody_heard,
                a_tenant_is_added_though_nobody_heard,
                of_different_changes_at_once_one_succeeds,
                a_file_is_the_newest_though_nobody_heard,
                profiles_are_changed_once_though_nobody_heard;
            tenants:
                a_tenant_is_created_once_and_changed_on_condition,
                a_cache_holds_a_tenant_for_a_moment,
                a_noticed_change_ends_what_is_held,
                changes_at_the_same_time_are_all_made,
                files_are_listed_newest_first,
                the_newest_file_only_becomes_newer;
            profiles:
                the_default_profile_is_there_from_the_first_day,
                priorities_have_no_gaps_whoever_writes_at_once,
                a_version_stays_when_its_profile_changes,
                a_refusal_changes_nothing;
            annotations:
                writers_at_once_lose_no_annotation,
                an_annotation_is_written_once_though_nobody_heard,
                what_cannot_be_read_is_not_overwritten;
            browser_sessions:
                a_session_begins_once_and_ends_for_good,
                a_session_ends_by_the_clock,
                uses_are_noted_once_a_minute,
                tenants_do_not_share_sessions,
                a_session_begins_though_nobody_heard;
            notices:
                what_a_tenant_chose_is_read,
                news_are_kept_once_until_taken,
                one_run_works_on_a_tenants_messages,
                what_was_sent_is_kept_and_goes_with_the_tenant;
            erasure:
                a_person_is_gone_and_does_not_come_back,
                of_a_shared_device_the_others_keep_their_part,
                a_device_is_erased_by_any_identifier,
                an_erasure_knows_the_keys_from_before_a_merge,
                a_writer_that_knows_of_no_erasure_brings_nothing_back,
                an_erasure_of_many_devices_has_pages,
                a_text_that_mentions_a_person_does_not_come_back,
                a_corrupt_enrollment_does_not_keep_an_erasure_open,
                erasing_while_others_write_loses_nothing_of_theirs,
                steps_of_web_based_enrollment_leave_the_sums,
                a_removed_tenant_leaves_nothing;
            erasure_jobs:
                a_look_goes_on_over_many_runs,
                a_look_without_time_gets_on,
                a_job_that_is_opened_again_as_it_ends_stays,
                pages_without_a_job_are_found,
                steps_that_came_late_leave_the_sums,
                a_removal_that_was_interrupted_goes_on;
            erasure_searches:
                a_search_over_many_runs_finds_what_one_run_does,
                a_search_that_dies_between_any_two_writes_ends,
                a_request_that_dies_between_any_two_writes_is_ended,
                a_runner_that_is_late_moves_nothing_back,
                what_comes_while_a_search_is_on_goes_when_it_ends,
                several_searches_do_each_other_no_harm,
                an_erasure_of_many_devices_is_emptied_over_many_runs,
                a_search_goes_with_its_tenant,
                a_search_is_no_job_to_an_earlier_release;
            web_enrollment:
                sums_are_what_counting_the_sets_gives,
                what_does_not_grow_is_not_written,
                a_set_whose_answer_is_lost_counts_once;
        }
    };
}

/// Declares `run`, which runs each case.
#[doc(hidden)]
#[macro_export]
macro_rules! declare_run {
    ([] $($subject:ident: $($case:ident),+;)+) => {
        /// Runs every case over an engine, one after the other.
        pub async fn run(engine: &$crate::Engine) {
            $($($subject::$case(engine).await;)+)+
        }
    };
}

/// Declares a test of each case, over the engine that an expression gives; if it gives `None` the tests do nothing.
#[macro_export]
macro_rules! declare_tests {
    ($engine:expr) => {
        $crate::with_cases! { declare_tests, $engine }
    };
    ([$engine:expr] $($subject:ident: $($case:ident),+;)+) => {
        $(mod $subject {
            $(#[tokio::test]
            async fn $case() {
                let engine: Option<$crate::Engine> = $engine;
                if let Some(engine) = engine {
                    $crate::suite::$subject::$case(&engine).await;
                }
            })+
        })+
    };
}
